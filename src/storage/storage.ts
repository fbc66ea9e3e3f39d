/** How a generation is cloned: the interface of every storage kind. */

import type { Host } from "../host/host.ts";
import { WAITS } from "../host/waits.ts";
import type { DiskLimiter } from "./disk-limiter.ts";

/** How a command that copies or clones a tree is run: it may take long, and ends when we are to end. */
export const COPYING = { onCancel: "kill", wait: WAITS.copy } as const;

export type StorageKind = "btrfs" | "reflink" | "overlay" | "tmpfs";
export type StorageHost = Pick<Host, "files" | "processes" | "quotas" | "log" | "randomName">;

/** Whether a kind can be used in a directory; else why not and what to do. */
export type StorageFit =
  | { readonly kind: "fits" }
  | { readonly kind: "unfit"; readonly reason: string; readonly hint: string };

/**
 * What the unit of a clone does before it becomes nspawn, in the order of the list: mounts that only
 * it sees, and directories in them.
 */
export type MountStep =
  | { readonly kind: "tmpfs"; readonly target: string; readonly sizeBytes: number }
  /** A directory of the machine's root. */
  | { readonly kind: "directory"; readonly path: string; readonly mode: number }
  /** `source` once more at `target`, with its ids as the machine has them. */
  | { readonly kind: "id-mapped"; readonly source: string; readonly target: string }
  | {
      readonly kind: "overlay";
      readonly target: string;
      readonly lower: string;
      readonly upper: string;
      readonly work: string;
    };

/** Where a clone lies, and what makes it a machine's root. */
export interface ClonePlan {
  readonly kind: "clone";
  readonly source: string;
  /** All of the clone, for `release` to take away. */
  readonly directory: string;
  readonly tree: string;
  /** Empty where nspawn can id-map the tree as it is. */
  readonly mounts: readonly MountStep[];
  /** What may be written into it; no limit when absent. */
  readonly diskBytes?: number | undefined;
}

/** No clone: the machine changes a tree itself, as an image that is being built does. */
export interface InPlace {
  readonly kind: "in-place";
  readonly tree: string;
}

/** How machines get their roots. */
export interface CloneStorage {
  readonly kind: StorageKind;
  readonly limiter: DiskLimiter;
  /** Looks, and at most makes and removes one small file. */
  probe(host: StorageHost, directory: string): Promise<StorageFit>;
  /** Pure. `directory` is the machine's own, in the root directory. */
  planClone(request: CloneRequest): ClonePlan;
  /** Makes the clone on disk, with its limit. Not atomic: after a crash its directory has all of it. */
  clone(host: StorageHost, plan: ClonePlan): Promise<void>;
}

export interface CloneRequest {
  readonly source: string;
  /** Permissions of the source itself, which the clone's root has too. */
  readonly sourceMode: number;
  readonly directory: string;
  /** What a machine may write where that is kept in memory, and nothing else is said. */
  readonly memoryBytes: number;
  /** What it may write wherever; no limit when absent. */
  readonly diskBytes?: number | undefined;
}

/** How the trees of images are made and copied. */
export interface TreeStorage {
  readonly traits: {
    /** Can trees of this storage be made from others without copying their data? */
    readonly copyOnWrite: boolean;
    /** Must an image be a tree of a certain make (a subvolume) before it can be cloned? */
    readonly needsOwnTree: boolean;
  };
  /** Makes an empty tree for an image to be created in. */
  createTree(host: StorageHost, tree: string): Promise<void>;
  /** A full, independent, writable copy of `source`, for changing an image. */
  copyTree(host: StorageHost, source: string, tree: string): Promise<void>;
  /** Whether `tree` can be cloned as it is. A plain directory on btrfs cannot. */
  isOwnTree(host: StorageHost, tree: string): boolean;
}

export type Storage = CloneStorage & TreeStorage;
