/**
 * Clones by overlayfs: nothing is copied, the image is the lower layer. The mounts are made by
 * `machine/launch.ts` in the unit's own mount namespace; here are only the directories.
 */

import type { ClonePlan, Storage, StorageFit, StorageHost, StorageKind } from "./storage.ts";
import { COPYING } from "./storage.ts";

/** statfs(2). What cannot hold the upper layer of an overlay. */
const UNFIT: Readonly<Record<number, string>> = {
  2035054128: "overlayfs",
  26985: "NFS",
  1702057286: "FUSE",
  19780: "FAT",
};

export const overlay: Storage = {
  ...layers("overlay"),
  planClone: ({ source, directory }) => layerPlan(source, directory),
};

export const tmpfs: Storage = {
  ...layers("tmpfs"),
  planClone: ({ source, directory, memoryBytes }) => ({
    ...layerPlan(source, directory),
    memoryBytes,
  }),
};

export interface LayerDirectories {
  readonly lower: string;
  /** Where a tmpfs goes, when there is one; its upper and work directories are made in it. */
  readonly written: string;
  readonly upper: string;
  readonly work: string;
}

export function layerDirectories(directory: string): LayerDirectories {
  const written = `${directory}/written`;
  return {
    lower: `${directory}/lower`,
    written,
    upper: `${written}/upper`,
    work: `${written}/work`,
  };
}

function layerPlan(source: string, directory: string): Extract<ClonePlan, { kind: "layers" }> {
  return { kind: "layers", source, directory, tree: `${directory}/root` };
}

function layers(kind: StorageKind): Omit<Storage, "planClone"> {
  return {
    kind,
    traits: { copyOnWrite: false, needsOwnTree: false },
    probe: async (host, directory): Promise<StorageFit> => {
      const type = UNFIT[host.files.probeFileSystem(directory).magic];
      return type === undefined || kind === "tmpfs"
        ? { kind: "fits" }
        : {
            kind: "unfit",
            reason: `"${directory}" is on ${type}, which cannot hold the upper layer of an overlay`,
            hint: "Put root_directory on a local file system such as btrfs, xfs or ext4.",
          };
    },
    clone: async (host, plan) => {
      const { lower, written } = layerDirectories(plan.directory);
      for (const path of [plan.directory, lower, written, plan.tree]) {
        host.files.createDirectory(path, 0o700);
      }
    },
    createTree: async (host, tree) => host.files.createDirectory(tree, 0o755),
    copyTree: async (host: StorageHost, source, tree) => {
      await host.processes.exec(["cp", "-a", "--reflink=auto", source, tree], COPYING);
    },
    isOwnTree: (host, tree) => host.files.probe(tree)?.kind === "directory",
    remove: async (host, directory) => host.files.remove(directory),
  };
}
