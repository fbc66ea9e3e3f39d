/** The bytes that come out of a FIFO. */
import * as fs from "node:fs";

export interface Bytes extends AsyncDisposable {
  /** What has come; nothing at end of file. */
  read(): Promise<Uint8Array | undefined>;
}

/**
 * Reads when the kernel says that there is something (epoll(7)), never in the thread pool, which has
 * few threads: several machines are read at once. No more is read than is asked for, so a full FIFO
 * stops its writer. `fd` is non-blocking, and closed in the end.
 */
export function openBytes(fd: number): Bytes {
  // Made by the first read: a stream reads by itself what others may be meant to read.
  let reader: ReturnType<typeof openReader> | undefined;
  return {
    read: async () => {
      reader ??= openReader(fd);
      return (await reader.read()).value;
    },
    [Symbol.asyncDispose]: async () => {
      await reader?.cancel();
      fs.closeSync(fd);
    },
  };
}

const openReader = (fd: number) => Bun.file(fd).stream().getReader();
