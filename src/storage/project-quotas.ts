/**
 * Limits of xfs and ext4, where they are mounted with project quotas: all that is made in a directory counts
 * for the directory's project. Only the host's root takes a file out of it (linux/fs/file_attr.c).
 */
import type { StrayLimit } from "./disk-limiter.ts";
import type { StorageFit, StorageHost } from "./storage.ts";

/** Numbers of ours: projects of administrators (/etc/projid) have lower ones. */
const FIRST = 2 ** 30;
const COUNT = 2 ** 30;
const BASE36_DIGITS = 8;

// statfs(2)
const EXT4_MAGIC = 0xef53;
const XFS_MAGIC = 0x58465342;

export function probeProjects(host: StorageHost, rootDirectory: string): StorageFit {
  if (host.quotas.keepsProjects(rootDirectory)) return { kind: "fits" };
  const { magic } = host.files.probeFileSystem(rootDirectory);
  const hint = HINTS[magic];
  return {
    kind: "unfit",
    reason:
      hint === undefined
        ? `the file system of "${rootDirectory}" has no quotas that this storage can use`
        : `the file system of "${rootDirectory}" is not mounted with project quotas`,
    hint: hint ?? 'Put root_directory on xfs or ext4, or on btrfs with storage = "btrfs".',
  };
}

const HINTS: Readonly<Record<number, string>> = {
  [EXT4_MAGIC]:
    'Turn them on: "tune2fs -O project,quota -Q prjquota DEVICE" while it is not mounted, and mount it with the option "prjquota".',
  [XFS_MAGIC]: 'Mount it with the option "prjquota": for xfs, anew, and not by a remount.',
};

/** Of a directory in which nothing is yet: a project of its own. */
export function beginProject(host: StorageHost, directory: string): void {
  host.quotas.setProject(directory, freeProject(host, directory));
}

function freeProject(host: StorageHost, directory: string): number {
  while (true) {
    const id = FIRST + (Number.parseInt(host.randomName(BASE36_DIGITS), 36) % COUNT);
    if (host.quotas.findProject(directory, id)?.id !== id) return id;
  }
}

/** Of what is written from now on, so that what is there already (a copy of the image) is not the machine's. */
export function limitProject(host: StorageHost, directory: string, bytes: number): void {
  const id = host.quotas.readProject(directory);
  const there = host.quotas.findProject(directory, id);
  host.quotas.limitProject(directory, id, bytes + (there?.id === id ? there.bytes : 0));
}

/** Of the project of that directory. */
export function readProjectLeft(host: StorageHost, directory: string): number | undefined {
  const id = host.quotas.readProject(directory);
  const project = host.quotas.findProject(directory, id);
  return project?.id !== id || project.limitBytes === undefined
    ? undefined
    : Math.max(project.limitBytes - project.bytes, 0);
}

/** Projects of ours without a file: the first file of one is there before its limit. */
export function findStrayProjects(host: StorageHost, rootDirectory: string): StrayLimit[] {
  const stray: StrayLimit[] = [];
  for (let from = FIRST; from < FIRST + COUNT; from += 1) {
    const project = host.quotas.findProject(rootDirectory, from);
    if (project === undefined || project.id >= FIRST + COUNT) break;
    from = project.id;
    if (project.inodes > 0) continue;
    stray.push({
      what: `the limit of project ${project.id}`,
      remove: async ({ quotas }) => quotas.limitProject(rootDirectory, project.id, undefined),
    });
  }
  return stray;
}
