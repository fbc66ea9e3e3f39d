/**
 * stdout and stderr, for the little that commands say themselves; a job's output has `fifo.ts`. Not
 * by `process.stdout` and `process.stderr`: their streams cost 6 ms of every start (Bun 1.4.5).
 */
import * as fs from "node:fs";

const STDOUT = 1;
const STDERR = 2;

export const writeStdoutNow = (text: string): void => writeNow(STDOUT, text);
export const writeStderrNow = (text: string): void => writeNow(STDERR, text);

/** Writes all of it before it returns. A reader that has gone is no error: nobody wants it. */
function writeNow(fd: number, text: string): void {
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(fs.writeSync(fd, rest));
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      // EIO: a terminal that was closed.
      if (code === "EPIPE" || code === "EIO") return;
      if (code !== "EAGAIN") throw error;
    }
  }
}
