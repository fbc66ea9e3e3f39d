/**
 * Clones by overlayfs: nothing is copied, the image is the lower layer. The mounts are made by
 * `machine/launch.ts` in the unit's own mount namespace; here are only the directories.
 */

import type { DiskLimiter } from "./disk-limiter.ts";
import { beginProject, limitProject, probeProjects, readProjectLeft } from "./project-quotas.ts";
import type {
  ClonePlan,
  CloneRequest,
  MountStep,
  Storage,
  StorageFit,
  StorageHost,
  StorageKind,
} from "./storage.ts";
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
  limiter: {
    probe: probeProjects,
    readLeft: async (host, { directory }) =>
      readProjectLeft(host, layerDirectories(directory).written),
  },
  planClone: (request) => layerPlan(request, []),
  clone: async (host, plan) => {
    makeDirectories(host, plan);
    if (plan.diskBytes === undefined) return;
    const { written } = layerDirectories(plan.directory);
    beginProject(host, written);
    limitProject(host, written, plan.diskBytes);
  },
};

/** By the size of what it is in. */
const bySize: DiskLimiter = {
  probe: () => ({ kind: "fits" }),
  readLeft: async ({ files }, { directory, view }) => {
    const written = `${view}${layerDirectories(directory).written}`;
    return files.probe(written) === undefined
      ? undefined
      : files.probeFileSystem(written).freeBytes;
  },
};

export const tmpfs: Storage = {
  ...layers("tmpfs"),
  limiter: bySize,
  planClone: (request) =>
    layerPlan(request, [
      {
        kind: "tmpfs",
        target: layerDirectories(request.directory).written,
        sizeBytes: request.diskBytes ?? request.memoryBytes,
      },
    ]),
  clone: async (host, plan) => makeDirectories(host, plan),
};

function makeDirectories({ files }: StorageHost, { directory }: ClonePlan): void {
  const { lower, written, root } = layerDirectories(directory);
  for (const path of [directory, lower, written, root]) files.createDirectory(path, 0o700);
}

interface LayerDirectories {
  readonly lower: string;
  /** Where a tmpfs goes, when there is one; its upper and work directories are made in it. */
  readonly written: string;
  readonly root: string;
}

function layerDirectories(directory: string): LayerDirectories {
  return {
    lower: `${directory}/lower`,
    written: `${directory}/written`,
    root: `${directory}/root`,
  };
}

function layerPlan(
  { source, sourceMode, directory, diskBytes }: CloneRequest,
  first: readonly MountStep[],
): ClonePlan {
  const { lower, written, root } = layerDirectories(directory);
  const [upper, work] = [`${written}/upper`, `${written}/work`];
  return {
    kind: "clone",
    source,
    directory,
    tree: root,
    mounts: [
      ...first,
      { kind: "directory", path: upper, mode: sourceMode },
      { kind: "directory", path: work, mode: 0o700 },
      { kind: "id-mapped", source, target: lower },
      { kind: "overlay", target: root, lower, upper, work },
    ],
    diskBytes,
  };
}

function layers(kind: StorageKind): Omit<Storage, "limiter" | "planClone" | "clone"> {
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
    createTree: async (host, tree) => host.files.createDirectory(tree, 0o755),
    copyTree: async (host: StorageHost, source, tree) => {
      await host.processes.exec(["cp", "-a", "--reflink=auto", source, tree], COPYING);
    },
    isOwnTree: (host, tree) => host.files.probe(tree)?.kind === "directory",
  };
}
