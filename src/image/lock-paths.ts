/**
 * Where the locks of images lie. docs/reference/locks.md says what each guards, and their order. Each kind
 * has a directory of its own: whatever is added to an image's name is another image's name. Theirs are
 * no image's: release 0.1.0 has left files of images' names beside them.
 */
import type { Host } from "../host/host.ts";

const locksDirectory = (rootDirectory: string, kind: string): string =>
  `${rootDirectory}/.locks/.${kind}`;

/** `name`: an image, by the name that it has on the disk, or a tree with added packages. */
export const treeLockPath = (rootDirectory: string, name: string): string =>
  `${locksDirectory(rootDirectory, "trees")}/${name}`;

/** Whose turn it is at the tree's lock; held for as long as taking that takes. */
export const turnPath = (rootDirectory: string, name: string): string =>
  `${locksDirectory(rootDirectory, "turn")}/${name}`;

export const changeLockPath = (rootDirectory: string, name: string): string =>
  `${locksDirectory(rootDirectory, "change")}/${name}`;

export function ensureLocks(host: Pick<Host, "files">, rootDirectory: string): void {
  for (const kind of ["trees", "turn", "change"]) {
    host.files.ensureDirectory(locksDirectory(rootDirectory, kind), 0o700);
  }
}

/** Names of which there are files of locks, held or not. */
export function listLocks(host: Pick<Host, "files">, rootDirectory: string): string[] {
  const directories = ["trees", "turn", "change"].map((kind) =>
    locksDirectory(rootDirectory, kind),
  );
  const there = directories.filter((directory) => host.files.probe(directory) !== undefined);
  return [...new Set(there.flatMap((directory) => host.files.list(directory)))];
}

/** Removes the files of locks that nobody will ask for again. The caller has them alone. */
export function removeLocks(host: Pick<Host, "files">, rootDirectory: string, name: string): void {
  for (const path of [turnPath, changeLockPath, treeLockPath]) {
    host.files.remove(path(rootDirectory, name));
  }
}
