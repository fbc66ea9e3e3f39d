/** How a generation is cloned: the interface of every storage kind. */

import type { Host } from "../host/host.ts";
import { WAITS } from "../host/waits.ts";

/** How a command that copies or clones a tree is run: it may take long, and ends when we are to end. */
export const COPYING = { onCancel: "kill", wait: WAITS.copy } as const;

export type StorageKind = "btrfs" | "reflink" | "overlay" | "tmpfs";
export type StorageHost = Pick<Host, "files" | "processes" | "log" | "randomName">;

/** Whether a kind can be used in a directory; else why not and what to do. */
export type StorageFit =
  | { readonly kind: "fits" }
  | { readonly kind: "unfit"; readonly reason: string; readonly hint: string };

/** Where the clone's root is, and what the unit has to do before nspawn can use it. */
export type ClonePlan =
  | {
      readonly kind: "tree";
      readonly source: string;
      readonly directory: string;
      readonly tree: string;
    }
  | {
      readonly kind: "layers";
      readonly source: string;
      readonly directory: string;
      /** Mount point of the assembled root, in the unit's own mount namespace. */
      readonly tree: string;
      /** Size limit of a tmpfs for what the machine writes; on the disk when absent. */
      readonly memoryBytes?: number;
    };

/** No clone: the machine changes a tree itself, as an image that is being built does. */
export interface InPlace {
  readonly kind: "in-place";
  readonly tree: string;
}

export interface Storage {
  readonly kind: StorageKind;
  readonly traits: {
    /** Can trees of this storage be made from others without copying their data? */
    readonly copyOnWrite: boolean;
    /** Must an image be a tree of a certain make (a subvolume) before it can be cloned? */
    readonly needsOwnTree: boolean;
  };
  /** Looks, and at most makes and removes one small file. */
  probe(host: StorageHost, directory: string): Promise<StorageFit>;
  /** Pure. `directory` is the machine's own, in the root directory. */
  planClone(request: {
    readonly source: string;
    readonly directory: string;
    readonly memoryBytes: number;
  }): ClonePlan;
  /** Makes the clone on disk. Not atomic: after a crash `remove` of its directory clears all. */
  clone(host: StorageHost, plan: ClonePlan): Promise<void>;
  /** Makes an empty tree for an image to be created in. */
  createTree(host: StorageHost, tree: string): Promise<void>;
  /** A full, independent, writable copy of `source`, for changing an image. */
  copyTree(host: StorageHost, source: string, tree: string): Promise<void>;
  /** Whether `tree` can be cloned as it is. A plain directory on btrfs cannot. */
  isOwnTree(host: StorageHost, tree: string): boolean;
  /** Removes a tree or a machine's directory, half made or whole. Idempotent. */
  remove(host: StorageHost, directory: string): Promise<void>;
}
