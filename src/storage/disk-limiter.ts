/** How a storage holds what a machine writes into its clone to a number of bytes. */
import type { StorageFit, StorageHost } from "./storage.ts";

export interface DiskLimiter {
  /** Whether it can for clones in this root directory; else why not and what to turn on. Looks only. */
  probe(host: StorageHost, rootDirectory: string): StorageFit;
  /** How many bytes a machine may write yet; nothing when that cannot be told, as of one that is gone. */
  readLeft(host: StorageHost, machine: LimitedMachine): Promise<number | undefined>;
}

export interface LimitedMachine {
  /** As it was planned with (`CloneRequest`). */
  readonly directory: string;
  /** A path below which the machine's own mounts are seen, as its unit sees them. */
  readonly view: string;
}

/** What a limit has left on the file system that holds nobody any more. */
export interface StrayLimit {
  /** For people: `the quota group "19520/266"`. */
  readonly what: string;
  remove(host: StorageHost): Promise<void>;
}
