/**
 * The order of locks of docs/architecture.md, as code: who waits for a lock holds none of its own rank
 * or of a later one. A wait against the order fails there and then, also where nobody else is in the
 * way; so no set of commands can wait for each other in a circle.
 */
import { LOCK_ORDER } from "../../src/host/lock-order.ts";

const rankOf = (path: string): number => {
  const rank = LOCK_ORDER.findIndex((lock) => lock.path.test(path));
  if (rank < 0) throw new Error(`the lock "${path}" has no place in the order of locks`);
  return rank;
};

export interface LockOrder {
  /** Called when a lock was taken; returns what is to be called when it is let go of. */
  took(path: string): () => void;
  /** Throws when waiting for the lock is against the order. */
  aboutToWait(path: string): void;
}

/** Of one process, whose tasks side by side are taken for one: they may share no two of one rank. */
export function openLockOrder(): LockOrder {
  const held = new Set<{ readonly path: string }>();
  return {
    took: (path) => {
      rankOf(path);
      const entry = { path };
      held.add(entry);
      return () => held.delete(entry);
    },
    aboutToWait: (path) => {
      const rank = rankOf(path);
      for (const other of held) {
        if (rankOf(other.path) < rank) continue;
        throw new Error(
          `waits for "${path}" with "${other.path}" in hand, against the order of locks`,
        );
      }
    },
  };
}
