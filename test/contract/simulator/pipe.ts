/**
 * Real pipes for a call's outputs. Bun's own "pipe" is a socket pair, which differs where it
 * matters here: opening /dev/stdout anew, the size of the buffer, who is seen to hold it.
 */
import { dlopen, ptr } from "bun:ffi";
import { closeSync, fstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";

const O_CLOEXEC = 0o2000000;
const O_NONBLOCK = 0o4000;
const F_SETFL = 4;

const libc = dlopen("libc.so.6", {
  pipe2: { args: ["ptr", "i32"], returns: "i32" },
  fcntl: { args: ["i32", "i32", "i32"], returns: "i32" },
});

export interface OutputPipe {
  /** For the child alone; close it once the child has been started. */
  readonly writeEnd: number;
  closeWriteEnd(): void;
  /** Gives every chunk to `take`, waiting for it, until end-of-file or `stop`. */
  drain(take: (chunk: Uint8Array) => Promise<void>): Promise<void>;
  stop(): void;
  /** The processes that could still write, as "PID (name)". */
  holders(): string[];
}

export function openOutputPipe(): OutputPipe {
  const ends = new Int32Array(2);
  if (libc.symbols.pipe2(ptr(ends), O_CLOEXEC) !== 0) throw new Error("Cannot create a pipe.");
  const [readEnd = -1, writeEnd = -1] = ends;
  libc.symbols.fcntl(readEnd, F_SETFL, O_NONBLOCK);
  const inode = fstatSync(readEnd).ino;
  const reader = Bun.file(readEnd).stream().getReader();
  return {
    writeEnd,
    closeWriteEnd: () => closeSync(writeEnd),
    drain: async (take) => {
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        await take(part.value);
      }
      closeSync(readEnd);
    },
    stop: () => void reader.cancel().catch(() => undefined),
    holders: () => findHolders(`pipe:[${inode}]`),
  };
}

function findHolders(link: string): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
    .filter((pid) => holds(pid, link))
    .map((pid) => `${pid} (${commandOf(pid)})`);
}

/** Processes come and go while we look: what has gone holds nothing. */
function holds(pid: string, link: string): boolean {
  try {
    const descriptors = readdirSync(`/proc/${pid}/fd`);
    return descriptors.some((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`) === link);
  } catch {
    return false;
  }
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
  } catch {
    return "gone";
  }
}
