/**
 * The output of a step. A FIFO keeps the order of its bytes, so a mark that only we know, written
 * behind the script's last byte, tells where the output ends although others still hold it open.
 */
import * as fs from "node:fs";
import { openBytes } from "./fifo-bytes.ts";

const { O_RDWR, O_WRONLY, O_NONBLOCK, O_NOFOLLOW } = fs.constants;

export interface OutputFifo extends AsyncDisposable {
  /** Begins to pass bytes on as they come. What `write` throws, `finish` throws. */
  pump(write: (bytes: Uint8Array) => Promise<void>): void;
  /**
   * All that was written to the FIFO so far is the whole output: resolves when it has been passed on,
   * or when its end does not come: root in the machine can read the FIFO too, and with it the mark.
   */
  finish(bound: OutputBound): Promise<void>;
}

export interface OutputBound {
  /** How long nothing may come. A slow `write` does not count. */
  readonly idleMs: number;
  /** From its abort on all is over within `cancelMs`, a slow `write` included. */
  readonly signal: AbortSignal;
  readonly cancelMs: number;
}

/** A pipe holds 1 MiB at most (/proc/sys/fs/pipe-max-size): what comes after that is not the script's. */
const AFTER_END_MAX_BYTES = 2 * 1024 * 1024;

export function openOutput(path: string): OutputFifo {
  const bytes = openBytes(fs.openSync(path, O_RDWR | O_NONBLOCK | O_NOFOLLOW));
  const end = fs.openSync(path, O_WRONLY | O_NONBLOCK | O_NOFOLLOW);
  const search = markSearch();
  const { promise: over, resolve: stop } = Promise.withResolvers<void>();
  let write: (bytes: Uint8Array) => Promise<void> = async () => {};
  let failure: { readonly cause: unknown } | undefined;
  let state: "script runs" | "ends" | "over" = "script runs";
  let reads = false;
  let marked = false;
  let idleMs = 0;
  let idle: ReturnType<typeof setTimeout> | undefined;
  const pass = async (some: Uint8Array): Promise<void> => {
    try {
      // Once nobody takes it, it goes nowhere: the script's end still counts.
      if (failure === undefined) await write(some);
    } catch (cause) {
      failure = { cause };
    }
  };
  const awaitIdle = (): void => {
    if (state === "ends" && reads) idle = setTimeout(stop, idleMs);
  };
  // A full FIFO has no room for the mark before some of it was read.
  const writeMark = (): void => {
    if (state === "ends" && !marked) marked = writeWhole(end, search.mark);
  };
  const passAll = async (): Promise<void> => {
    while (state !== "over") {
      reads = true;
      awaitIdle();
      const more = await bytes.read();
      reads = false;
      clearTimeout(idle);
      if (more === undefined) return;
      writeMark();
      if (state === "script runs") await pass(more);
      else {
        const found = search.take(more);
        await pass(found.bytes);
        if (found.last) return;
      }
    }
  };
  return {
    pump: (to) => {
      write = to;
      const failed = (cause: unknown): void => {
        failure = { cause };
        stop();
      };
      passAll().then(stop, failed);
    },
    finish: async (bound) => {
      state = "ends";
      idleMs = bound.idleMs;
      awaitIdle();
      writeMark();
      let cancelling: ReturnType<typeof setTimeout> | undefined;
      const cancel = (): void => {
        cancelling = setTimeout(stop, bound.cancelMs);
      };
      bound.signal.addEventListener("abort", cancel);
      if (bound.signal.aborted) cancel();
      await over;
      state = "over";
      for (const timer of [idle, cancelling]) clearTimeout(timer);
      bound.signal.removeEventListener("abort", cancel);
      if (!bound.signal.aborted) await pass(search.rest());
      if (failure !== undefined) throw failure.cause;
    },
    [Symbol.asyncDispose]: async () => {
      state = "over";
      clearTimeout(idle);
      fs.closeSync(end);
      await bytes[Symbol.asyncDispose]();
    },
  };
}

interface MarkSearch {
  readonly mark: Uint8Array;
  /** What of the bytes so far can be passed on, and whether that is all there is. */
  take(more: Uint8Array): { readonly bytes: Uint8Array; readonly last: boolean };
  /** What it has kept back, since a mark could begin in it. */
  rest(): Uint8Array;
}

function markSearch(): MarkSearch {
  const mark = crypto.getRandomValues(new Uint8Array(32));
  let held: Buffer = Buffer.alloc(0);
  let seenBytes = 0;
  return {
    mark,
    take: (more) => {
      held = Buffer.concat([held, more]);
      seenBytes += more.length;
      const found = held.indexOf(mark);
      const last = found >= 0 || seenBytes > AFTER_END_MAX_BYTES;
      const size = found >= 0 ? found : last ? held.length : held.length - mark.length;
      const some = held.subarray(0, Math.max(0, size));
      held = last ? Buffer.alloc(0) : held.subarray(some.length);
      return { bytes: some, last };
    },
    rest: () => held,
  };
}

/** False when there is no room: up to PIPE_BUF bytes are written in one piece or not at all (pipe(7)). */
function writeWhole(fd: number, bytes: Uint8Array): boolean {
  try {
    fs.writeSync(fd, bytes);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EAGAIN") return false;
    throw error;
  }
}
