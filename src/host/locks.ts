/**
 * Waiting for locks (flock(2)), without ever blocking: other work of this process goes on, a signal
 * ends the wait, and so does its bound. The kernel tells nobody when a lock is free but who sleeps in
 * flock itself, so this asks again and again.
 */
import { RunnerError } from "../text/errors.ts";
import type { Wait } from "./waits.ts";

export interface LockWait {
  /** Of the lock's file: who holds it is looked for there. */
  readonly path: string;
  /** What it guards, for people: 'the trees of image "trixie"'. */
  readonly what: string;
  readonly wait: Wait;
  /** Takes it, or nothing when another has it. Asked until it does. */
  readonly take: () => Disposable | undefined;
  /** Hears who is waited for, once, when there is anything to wait for. */
  readonly onWait?: (holder: string) => void;
}

export interface Locks {
  /** Throws a system error that names the holder when that does not let go in time, or we are to end. */
  wait(request: LockWait): Promise<Disposable>;
  /** Who holds the lock of that file, in words for a sentence. */
  holder(path: string): string;
}

interface LocksParts {
  readonly sleep: (ms: number) => Promise<void>;
  readonly signal: AbortSignal;
  readonly findHolder: (path: string) => string | undefined;
}

const DELAY_MIN_MS = 2;
/** A signal is answered this late at most. */
const DELAY_MAX_MS = 100;
const DELAY_GROWTH = 1.5;

export function openLocks({ sleep, signal, findHolder }: LocksParts): Locks {
  // It may have let go of it by now, or run in another PID namespace.
  const holder = (path: string): string => findHolder(path) ?? "another process";
  return {
    holder,
    wait: async ({ path, what, wait, take, onWait }) => {
      let told = false;
      let waitedMs = 0;
      for (let delayMs = DELAY_MIN_MS; ; delayMs = Math.min(delayMs * DELAY_GROWTH, DELAY_MAX_MS)) {
        if (signal.aborted) {
          throw new RunnerError({
            kind: "system",
            message: `The wait for ${what} was ended; ${holder(path)} has the lock.`,
          });
        }
        const lock = take();
        if (lock !== undefined) return lock;
        if (waitedMs >= wait.ms) {
          throw new RunnerError({
            kind: "system",
            message: `Cannot lock ${what}: ${holder(path)} has had the lock for ${Math.round(waitedMs / 1000)} s.`,
            hints: ["Wait until that process has ended, or end it."],
          });
        }
        if (!told) onWait?.(holder(path));
        told = true;
        await sleep(delayMs);
        // Not by the clock, which a person may set.
        waitedMs += delayMs;
      }
    },
  };
}
