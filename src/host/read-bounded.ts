/** Reading no more than a bound, whatever the file says its size is: those of /proc say 0. */
import * as fs from "node:fs";
import { RunnerError } from "../text/errors.ts";

const CHUNK_BYTES = 64 * 1024;

/** All of an open file. Throws a system error when there is more; `name` is for that error. */
export function readBounded(fd: number, name: string, sizeMaxBytes: number): Buffer {
  const { size } = fs.fstatSync(fd);
  if (size > sizeMaxBytes) throw tooLarge(name, sizeMaxBytes, `${size} bytes`);
  const parts: Buffer[] = [];
  let total = 0;
  while (true) {
    // One more than it says shows its end at once. Where it says 0, a switch of the kernel's gives all
    // it has to the first read, however small, and nothing to the second.
    const says = total === 0 && size > 0;
    const part = Buffer.alloc(says ? Math.min(size, sizeMaxBytes) + 1 : CHUNK_BYTES);
    const count = fs.readSync(fd, part);
    if (count === 0) return Buffer.concat(parts, total);
    total += count;
    if (total > sizeMaxBytes) throw tooLarge(name, sizeMaxBytes, "more than it says");
    parts.push(part.subarray(0, count));
  }
}

const tooLarge = (name: string, limit: number, has: string): RunnerError =>
  new RunnerError({
    kind: "system",
    message: `"${name}" has ${has}; the limit is ${limit} bytes.`,
    hints: ["Look what it is: no such file is as large."],
  });
