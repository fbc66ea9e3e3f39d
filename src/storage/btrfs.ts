/** Clones by btrfs snapshots: a few milliseconds, whatever the size. */

import { BTRFS_MAGIC, SUBVOLUME_INODE } from "./btrfs-facts.ts";
import { limitSubvolume, simpleQuotas } from "./simple-quotas.ts";
import type { Storage, StorageHost } from "./storage.ts";
import { COPYING } from "./storage.ts";

export const btrfs: Storage = {
  kind: "btrfs",
  traits: { copyOnWrite: true, needsOwnTree: true },
  limiter: simpleQuotas,
  probe: async (host, directory) =>
    host.files.probeFileSystem(directory).magic === BTRFS_MAGIC
      ? { kind: "fits" }
      : {
          kind: "unfit",
          reason: `"${directory}" is not on btrfs`,
          hint: 'Put root_directory on a btrfs file system, or set storage = "auto".',
        },
  planClone: ({ source, directory, diskBytes }) => ({
    kind: "clone",
    source,
    directory,
    tree: `${directory}/root`,
    mounts: [],
    diskBytes,
  }),
  clone: async (host, { source, directory, tree, diskBytes }) => {
    host.files.createDirectory(directory, 0o700);
    await copyTree(host, source, tree);
    if (diskBytes !== undefined) await limitSubvolume(host, tree, diskBytes);
  },
  createTree: async (host, tree) => {
    await host.processes.exec(["btrfs", "subvolume", "create", tree]);
  },
  copyTree,
  isOwnTree: isSubvolume,
};

/** A snapshot; of a plain directory, a copy with shared extents. */
async function copyTree(host: StorageHost, source: string, tree: string): Promise<void> {
  if (isSubvolume(host, source)) {
    await host.processes.exec(["btrfs", "subvolume", "snapshot", source, tree], COPYING);
    return;
  }
  await host.processes.exec(["btrfs", "subvolume", "create", tree]);
  await host.processes.exec(["cp", "-a", "--reflink=auto", `${source}/.`, tree], COPYING);
}

function isSubvolume(host: StorageHost, tree: string): boolean {
  const facts = host.files.probe(tree);
  return facts?.kind === "directory" && facts.inode === SUBVOLUME_INODE;
}
