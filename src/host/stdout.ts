/** stdout, for the little that commands print themselves; a job's output has `fifo.ts`. */
import * as fs from "node:fs";

const STDOUT = 1;

/** Writes all of it before it returns. A reader that has gone is no error: nobody wants it. */
export function writeStdoutNow(text: string): void {
  let rest = Buffer.from(text);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(fs.writeSync(STDOUT, rest));
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      if (code === "EPIPE") return;
      if (code !== "EAGAIN") throw error;
    }
  }
}
