/**
 * FIFOs between the host and a machine. Reads wait for events, so that a signal is still handled and
 * machines do not wait for each other; nothing of a machine is ever waited for without a bound.
 */
import * as fs from "node:fs";
import { open } from "node:fs/promises";
import { RunnerError } from "../text/errors.ts";

const { O_RDONLY, O_RDWR, O_WRONLY, O_NONBLOCK, O_NOFOLLOW } = fs.constants;
const LINE_MAX_BYTES = 4096;

export interface Fifos {
  /** For reading lines; open at once, and never at end of file: we hold a writing end ourselves. */
  openLines(path: string): LineFifo;
  /** For reading lines; resolves when a writer has come, and reads end of file when it is gone. */
  awaitLines(path: string): Promise<LineFifo>;
  /** The output of a step, to be passed on. */
  openOutput(path: string): OutputFifo;
  /**
   * Writes one short line. False when nobody reads the FIFO (open(2): ENXIO); throws when it is
   * full, which a reader that lives never lets happen.
   */
  writeLine(path: string, line: string): boolean;
}

export function openFifos(): Fifos {
  return { openLines, awaitLines, openOutput, writeLine };
}

export interface LineFifo extends AsyncDisposable {
  /**
   * The next line without its end; nothing at end of file, when `timeoutMs` have passed, or when
   * `signal` aborts.
   */
  readLine(timeoutMs?: number, signal?: AbortSignal): Promise<string | undefined>;
}

function openLines(path: string): LineFifo {
  return lineReader(openBytes(fs.openSync(path, O_RDWR | O_NONBLOCK | O_NOFOLLOW)));
}

async function awaitLines(path: string): Promise<LineFifo> {
  // Waits in the thread pool until a writer comes, which the agent does at once.
  const handle = await open(path, O_RDONLY | O_NOFOLLOW);
  try {
    // The same FIFO once more, for reading as events come: fcntl(2) is out of the runtime's reach.
    return lineReader(openBytes(fs.openSync(`/proc/self/fd/${handle.fd}`, O_RDONLY | O_NONBLOCK)));
  } finally {
    await handle.close();
  }
}

interface Bytes extends AsyncDisposable {
  /** What has come; nothing at end of file. */
  read(): Promise<Uint8Array | undefined>;
}

/**
 * Reads when the kernel says that there is something (epoll(7)), never in the thread pool, which has
 * few threads: several machines are read at once. No more is read than is asked for, so a full FIFO
 * stops its writer. `fd` is non-blocking, and closed in the end.
 */
function openBytes(fd: number): Bytes {
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

function lineReader(bytes: Bytes): LineFifo {
  let pending = "";
  const nextLine = async (): Promise<string | undefined> => {
    while (true) {
      const end = pending.indexOf("\n");
      if (end >= 0) {
        const line = pending.slice(0, end);
        pending = pending.slice(end + 1);
        return line;
      }
      if (pending.length > LINE_MAX_BYTES) return undefined;
      const more = await bytes.read();
      if (more === undefined) return undefined;
      pending += Buffer.from(more).toString("latin1");
    }
  };
  return {
    readLine: (timeoutMs, signal) => bounded(nextLine(), timeoutMs, signal),
    [Symbol.asyncDispose]: () => bytes[Symbol.asyncDispose](),
  };
}

function bounded(
  line: Promise<string | undefined>,
  timeoutMs: number | undefined,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  if (timeoutMs === undefined && signal === undefined) return line;
  const { promise, resolve, reject } = Promise.withResolvers<string | undefined>();
  const timer =
    timeoutMs === undefined ? undefined : setTimeout(() => resolve(undefined), timeoutMs);
  const abort = (): void => resolve(undefined);
  signal?.addEventListener("abort", abort);
  if (signal?.aborted) abort();
  line.then(resolve, reject);
  return promise.finally(() => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  });
}

function writeLine(path: string, line: string): boolean {
  let fd: number;
  try {
    fd = fs.openSync(path, O_WRONLY | O_NONBLOCK | O_NOFOLLOW);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENXIO") return false;
    throw error;
  }
  try {
    fs.writeSync(fd, `${line}\n`);
    return true;
  } catch (cause) {
    throw new RunnerError({
      kind: "system",
      message: `Cannot write to "${path}": nobody reads what is in it.`,
      cause,
    });
  } finally {
    fs.closeSync(fd);
  }
}

export interface OutputFifo extends AsyncDisposable {
  /** Passes bytes on as they come, until `finish` was called and all before it has been read. */
  pump(write: (bytes: Uint8Array) => Promise<void>): Promise<void>;
  /** All that was written to the FIFO so far is the whole output. */
  finish(): void;
}

/**
 * The output of a step. A FIFO keeps the order of its bytes, so a mark that only we know, written
 * behind the script's last byte, tells where the output ends although others still hold it open.
 */
function openOutput(path: string): OutputFifo {
  const bytes = openBytes(fs.openSync(path, O_RDWR | O_NONBLOCK | O_NOFOLLOW));
  const end = fs.openSync(path, O_WRONLY | O_NOFOLLOW);
  const mark = Buffer.from(crypto.getRandomValues(new Uint8Array(32)));
  let finished = false;
  return {
    pump: async (write) => {
      let held = Buffer.alloc(0);
      while (true) {
        const more = (await bytes.read()) ?? new Uint8Array();
        if (!finished) {
          await write(more);
          continue;
        }
        held = Buffer.concat([held, more]);
        const found = held.indexOf(mark);
        if (found >= 0) return write(held.subarray(0, found));
        const safe = Math.max(0, held.length - mark.length);
        await write(held.subarray(0, safe));
        held = Buffer.from(held.subarray(safe));
      }
    },
    finish: () => {
      finished = true;
      // In the thread pool: a full FIFO makes room as the pump reads. Up to PIPE_BUF bytes are
      // written in one piece (pipe(7)).
      fs.write(end, mark, () => {});
    },
    [Symbol.asyncDispose]: async () => {
      fs.closeSync(end);
      await bytes[Symbol.asyncDispose]();
    },
  };
}
