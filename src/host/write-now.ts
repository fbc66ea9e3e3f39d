/**
 * stdout and stderr, for the little that commands say themselves; a job's output has `fifo.ts`. Not
 * by `process.stdout` and `process.stderr`: their streams cost 6 ms of every start (Bun 1.4.5).
 */
import * as fs from "node:fs";
import { explainErrno } from "./explain-errno.ts";
import { awaitRoom } from "./libc.ts";
import { isReaderGone } from "./reader-gone.ts";
import { WAITS } from "./waits.ts";

const STDOUT = 1;
const STDERR = 2;

export const writeStdoutNow = (text: string): void => writeNow(STDOUT, text);
export const writeStderrNow = (text: string): void => writeNow(STDERR, text);

/**
 * Writes all of it before it returns. A reader that has gone is no error: nobody wants it. Nor is one
 * that reads nothing, where somebody made ours non-blocking: then the rest is dropped, in time.
 */
export function writeNow(fd: number, text: string): void {
  let rest = Buffer.from(text);
  const until = performance.now() + WAITS.ownWords.ms;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(fs.writeSync(fd, rest));
    } catch (error) {
      if (isReaderGone(error)) return;
      const full = error instanceof Error && "code" in error && error.code === "EAGAIN";
      if (!full) throw explainErrno(error, fd === STDOUT ? "stdout" : "stderr");
      if (!awaitRoom(fd, until - performance.now())) return;
    }
  }
}
