/**
 * FIFOs between the host and a machine. Reads block in the runtime's thread pool, so that a signal
 * is still handled; nothing of a machine is ever waited for without a bound.
 */
import * as fs from "node:fs";
import { open } from "node:fs/promises";
import { RunnerError } from "../text/errors.ts";

const { O_RDWR, O_WRONLY, O_NONBLOCK, O_NOFOLLOW } = fs.constants;
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
  const fd = fs.openSync(path, O_RDWR | O_NOFOLLOW);
  return lineReader(fd, () => {
    // Ends a read that still waits in the thread pool.
    fs.writeSync(fd, "\n");
    fs.closeSync(fd);
  });
}

async function awaitLines(path: string): Promise<LineFifo> {
  const handle = await open(path, fs.constants.O_RDONLY | O_NOFOLLOW);
  return lineReader(handle.fd, () => handle.close());
}

function lineReader(fd: number, close: () => void | Promise<void>): LineFifo {
  const buffer = Buffer.alloc(LINE_MAX_BYTES);
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
      const count = await readSome(fd, buffer);
      if (count === 0) return undefined;
      pending += buffer.toString("latin1", 0, count);
    }
  };
  return {
    readLine: (timeoutMs, signal) => bounded(nextLine(), timeoutMs, signal),
    [Symbol.asyncDispose]: async () => {
      await close();
    },
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

/** Up to a buffer of bytes; 0 at end of file. Waits in the thread pool. */
function readSome(fd: number, buffer: Buffer): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  fs.read(fd, buffer, 0, buffer.length, null, (error, count) =>
    error === null ? resolve(count) : reject(error),
  );
  return promise;
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

export interface OutputFifo extends Disposable {
  /** Passes bytes on as they come, until `finish` was called and all before it has been read. */
  pump(write: (bytes: Uint8Array) => Promise<void>): Promise<void>;
  /** All that was written to the FIFO so far is the whole output. */
  finish(): void;
}

const PIPE_BUFFER_BYTES = 64 * 1024;

/**
 * The output of a step. A FIFO keeps the order of its bytes, so a mark that only we know, written
 * behind the script's last byte, tells where the output ends although others still hold it open.
 */
function openOutput(path: string): OutputFifo {
  const fd = fs.openSync(path, O_RDWR | O_NOFOLLOW);
  const mark = Buffer.from(crypto.getRandomValues(new Uint8Array(32)));
  let finished = false;
  return {
    pump: async (write) => {
      const buffer = Buffer.alloc(PIPE_BUFFER_BYTES);
      let held = Buffer.alloc(0);
      while (true) {
        const count = await readSome(fd, buffer);
        if (!finished) {
          await write(buffer.subarray(0, count));
          continue;
        }
        held = Buffer.concat([held, buffer.subarray(0, count)]);
        const end = held.indexOf(mark);
        if (end >= 0) return write(held.subarray(0, end));
        const safe = Math.max(0, held.length - mark.length);
        await write(held.subarray(0, safe));
        held = Buffer.from(held.subarray(safe));
      }
    },
    finish: () => {
      finished = true;
      // In the thread pool: a full FIFO makes room as the pump reads. Up to PIPE_BUF bytes are
      // written in one piece (pipe(7)).
      fs.write(fd, mark, () => {});
    },
    [Symbol.dispose]: () => fs.closeSync(fd),
  };
}
