/** Clones by copying every file with shared extents: xfs and others with reflinks. */

import { beginProject, limitProject, probeProjects, readProjectLeft } from "./project-quotas.ts";
import type { Storage, StorageHost } from "./storage.ts";
import { COPYING } from "./storage.ts";

export const reflink: Storage = {
  kind: "reflink",
  traits: { copyOnWrite: true, needsOwnTree: false },
  limiter: {
    probe: probeProjects,
    readLeft: async (host, { directory }) => readProjectLeft(host, directory),
  },
  probe: async (host, directory) =>
    host.files.probeReflink(directory)
      ? { kind: "fits" }
      : {
          kind: "unfit",
          reason: `the file system of "${directory}" cannot share data between files`,
          hint: 'Use a file system with reflinks (xfs, btrfs), or set storage = "overlay".',
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
    if (diskBytes !== undefined) beginProject(host, directory);
    await reflinkTree(host, source, tree);
    if (diskBytes !== undefined) limitProject(host, directory, diskBytes);
  },
  createTree: async (host, tree) => host.files.createDirectory(tree, 0o755),
  copyTree: reflinkTree,
  isOwnTree: (host, tree) => host.files.probe(tree)?.kind === "directory",
};

async function reflinkTree(host: StorageHost, source: string, tree: string): Promise<void> {
  await host.processes.exec(["cp", "-a", "--reflink=always", source, tree], COPYING);
}
