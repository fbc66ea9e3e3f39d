/** Clones by btrfs snapshots: a few milliseconds, whatever the size. */

import type { Storage, StorageHost } from "./storage.ts";
import { COPYING } from "./storage.ts";

/** statfs(2), BTRFS_SUPER_MAGIC. */
const BTRFS_MAGIC = 0x9123683e;
/** The root of every subvolume has this inode number (btrfs(5), BTRFS_FIRST_FREE_OBJECTID). */
const SUBVOLUME_INODE = 256;

export const btrfs: Storage = {
  kind: "btrfs",
  traits: { copyOnWrite: true, needsOwnTree: true },
  probe: async (host, directory) =>
    host.files.probeFileSystem(directory).magic === BTRFS_MAGIC
      ? { kind: "fits" }
      : {
          kind: "unfit",
          reason: `"${directory}" is not on btrfs`,
          hint: 'Put root_directory on a btrfs file system, or set storage = "auto".',
        },
  planClone: ({ source, directory }) => ({
    kind: "clone",
    source,
    directory,
    tree: `${directory}/root`,
    mounts: [],
  }),
  clone: async (host, { source, directory, tree }) => {
    host.files.createDirectory(directory, 0o700);
    await copyTree(host, source, tree);
  },
  createTree: async (host, tree) => {
    await host.processes.exec(["btrfs", "subvolume", "create", tree]);
  },
  copyTree,
  isOwnTree: isSubvolume,
  remove: async (host, directory) => {
    if (host.files.probe(directory) === undefined) return;
    const tree = isSubvolume(host, directory) ? directory : `${directory}/root`;
    if (isSubvolume(host, tree)) await deleteSubvolume(host, tree);
    // An empty subvolume can be removed like a directory (Linux 4.18), so this also ends what the
    // command could not delete.
    host.files.remove(directory);
  },
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

/**
 * Deletes a subvolume and those made inside it: by systemd-tmpfiles (types v, q, Q), or by a job,
 * whose root may make them, of any name, and read-only. So no name is read here: `find` hands each
 * path on itself, and follows no link.
 */
async function deleteSubvolume(host: StorageHost, tree: string): Promise<void> {
  const { processes } = host;
  const whole = await processes.run(["btrfs", "subvolume", "delete", tree]);
  if (whole.exitCode === 0) return;
  const inside = ["-type", "d", "-inum", `${SUBVOLUME_INODE}`, "-exec", "btrfs"];
  // Nothing can be deleted in a read-only one; the flag may say that it was received (-f).
  const writable = ["property", "set", "-f", "-t", "subvol", "{}", "ro", "false", ";"];
  await processes.run(["find", tree, ...inside, ...writable]);
  await processes.run(["find", tree, "-depth", ...inside, "subvolume", "delete", "{}", ";"]);
}
