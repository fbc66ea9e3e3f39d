/**
 * FIFOs between the host and a machine, for lines. Reads wait for events, so that a signal is still
 * handled and machines do not wait for each other; nothing of a machine is ever waited for without a
 * bound. None is opened in a way that waits for the other side.
 */
import * as fs from "node:fs";
import { explained } from "./explain-errno.ts";
import { openBytes } from "./fifo-bytes.ts";
import { type OutputFifo, openOutput } from "./output-fifo.ts";

const { O_RDONLY, O_RDWR, O_WRONLY, O_NONBLOCK, O_NOFOLLOW } = fs.constants;
const LINE_MAX_BYTES = 4096;

export interface Fifos {
  /** For reading lines; never at end of file: we hold a writing end ourselves. */
  openLines(path: string): LineFifo;
  /** As `openLines`, until we let go: from then on it ends when the last other writer is gone. */
  openAnswers(path: string): AnswerFifo;
  /** The output of a step, to be passed on. */
  openOutput(path: string): OutputFifo;
  /** Keeps both ends open, so that whoever opens one does not wait, and reads its end after us. */
  hold(path: string): Disposable;
  /**
   * Writes one short line, or does nothing: `nobody` reads the FIFO, or it is not there any more;
   * it is `full`, which a reader that lives never lets happen.
   */
  writeLine(path: string, line: string): "written" | "nobody" | "full";
  /** Whether anybody has the FIFO open for reading. */
  isRead(path: string): boolean;
}

export function openFifos(): Fifos {
  return explained({ openLines, openAnswers, openOutput, hold, writeLine, isRead });
}

export type LineRead =
  | { readonly kind: "line"; readonly text: string }
  /** End of file, or more than fits a line: no line will come any more. */
  | { readonly kind: "closed" }
  /** The time is over, or the signal came. A line that comes later is for the next read. */
  | { readonly kind: "waited" };

export interface ReadBound {
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface LineFifo extends AsyncDisposable {
  /** The next line. One read at a time. */
  read(bound?: ReadBound): Promise<LineRead>;
  /** The next line without its end; nothing where `read` has none. */
  readLine(timeoutMs?: number, signal?: AbortSignal): Promise<string | undefined>;
}

export interface AnswerFifo extends LineFifo {
  /** Closes the writing end that we hold. Idempotent. */
  letGo(): void;
}

function openLines(path: string): LineFifo {
  return lineReader(fs.openSync(path, O_RDWR | O_NONBLOCK | O_NOFOLLOW));
}

function openAnswers(path: string): AnswerFifo {
  // The reading end first, and once. What is opened after a writer had come and gone never learns of
  // that (fifo_open() in Linux's fs/pipe.c: no POLLHUP before a writer was seen); ours is seen.
  const lines = lineReader(fs.openSync(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW));
  let held: number | undefined = fs.openSync(path, O_WRONLY | O_NONBLOCK | O_NOFOLLOW);
  const letGo = (): void => {
    if (held !== undefined) fs.closeSync(held);
    held = undefined;
  };
  return {
    ...lines,
    letGo,
    [Symbol.asyncDispose]: async () => {
      letGo();
      await lines[Symbol.asyncDispose]();
    },
  };
}

/** `fd` is closed in the end. */
function lineReader(fd: number): LineFifo {
  const bytes = openBytes(fd);
  let text = "";
  const nextLine = async (): Promise<LineRead> => {
    while (true) {
      const end = text.indexOf("\n");
      if (end >= 0) {
        const line = text.slice(0, end);
        text = text.slice(end + 1);
        return { kind: "line", text: line };
      }
      if (text.length > LINE_MAX_BYTES) return { kind: "closed" };
      const more = await bytes.read();
      if (more === undefined) return { kind: "closed" };
      text += Buffer.from(more).toString("latin1");
    }
  };
  // Kept from a read that waited in vain for the one after it: what it gets is not lost.
  let pending: Promise<LineRead> | undefined;
  const read = async (bound: ReadBound = {}): Promise<LineRead> => {
    pending ??= nextLine();
    const result = await bounded(pending, bound);
    if (result.kind !== "waited") pending = undefined;
    return result;
  };
  return {
    read,
    readLine: async (timeoutMs, signal) => {
      const result = await read({ timeoutMs, signal });
      return result.kind === "line" ? result.text : undefined;
    },
    [Symbol.asyncDispose]: () => bytes[Symbol.asyncDispose](),
  };
}

function bounded(line: Promise<LineRead>, { timeoutMs, signal }: ReadBound): Promise<LineRead> {
  if (timeoutMs === undefined && signal === undefined) return line;
  const { promise, resolve, reject } = Promise.withResolvers<LineRead>();
  const waited = (): void => resolve({ kind: "waited" });
  const timer = timeoutMs === undefined ? undefined : setTimeout(waited, timeoutMs);
  signal?.addEventListener("abort", waited);
  if (signal?.aborted) waited();
  line.then(resolve, reject);
  return promise.finally(() => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", waited);
  });
}

function hold(path: string): Disposable {
  const fd = fs.openSync(path, O_RDWR | O_NONBLOCK | O_NOFOLLOW);
  return { [Symbol.dispose]: () => fs.closeSync(fd) };
}

function writeLine(path: string, line: string): "written" | "nobody" | "full" {
  const fd = openForWriting(path);
  if (fd === undefined) return "nobody";
  try {
    // Up to PIPE_BUF bytes are written in one piece or not at all (pipe(7)).
    fs.writeSync(fd, `${line}\n`);
    return "written";
  } catch (error) {
    if (hasCode(error, "EAGAIN")) return "full";
    // The reader went between the two calls.
    if (hasCode(error, "EPIPE")) return "nobody";
    throw error;
  } finally {
    fs.closeSync(fd);
  }
}

function isRead(path: string): boolean {
  const fd = openForWriting(path);
  if (fd === undefined) return false;
  fs.closeSync(fd);
  return true;
}

/** Nothing where nobody reads (open(2): ENXIO), or where there is no FIFO any more. */
function openForWriting(path: string): number | undefined {
  try {
    return fs.openSync(path, O_WRONLY | O_NONBLOCK | O_NOFOLLOW);
  } catch (error) {
    if (hasCode(error, "ENXIO") || hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && "code" in error && error.code === code;
