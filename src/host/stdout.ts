/** stdout, for a job's output. */
import * as fs from "node:fs";
import { explainErrno } from "./explain-errno.ts";
import { isReaderGone } from "./reader-gone.ts";

const STDOUT = 1;
const RETRY_MS = 2;

/**
 * Writes bytes to stdout and resolves when they are gone: who reads slowly slows us down. False
 * when nobody reads any more.
 */
export async function writeStdout(bytes: Uint8Array): Promise<boolean> {
  let offset = 0;
  while (offset < bytes.length) {
    const { promise, resolve } = Promise.withResolvers<NodeJS.ErrnoException | number>();
    fs.write(STDOUT, bytes, offset, bytes.length - offset, null, (error, count) =>
      resolve(error ?? count),
    );
    const result = await promise;
    if (typeof result === "number") offset += result;
    else if (isReaderGone(result)) return false;
    // A stdout that somebody made non-blocking is full, and has no event in the thread pool.
    else if (result.code === "EAGAIN") await Bun.sleep(RETRY_MS);
    else throw explainErrno(result, "stdout");
  }
  return true;
}
