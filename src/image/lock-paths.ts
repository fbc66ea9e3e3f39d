/** Where the locks of images lie. docs/architecture.md says what each guards, and their order. */
import type { Host } from "../host/host.ts";

const locksDirectory = (rootDirectory: string): string => `${rootDirectory}/.locks`;

/** `name`: an image, by the name that it has on the disk, or a tree with added packages. */
export const treeLockPath = (rootDirectory: string, name: string): string =>
  `${locksDirectory(rootDirectory)}/${name}`;

/** Whose turn it is at the tree's lock; held for as long as taking that takes. */
export const turnPath = (rootDirectory: string, name: string): string =>
  `${treeLockPath(rootDirectory, name)}.turn`;

export const changeLockPath = (rootDirectory: string, name: string): string =>
  `${treeLockPath(rootDirectory, name)}.change`;

export function ensureLocks(host: Pick<Host, "files">, rootDirectory: string): void {
  host.files.ensureDirectory(locksDirectory(rootDirectory), 0o700);
}

/** Removes the files of locks that nobody will ask for again. The caller has them alone. */
export function removeLocks(host: Pick<Host, "files">, rootDirectory: string, name: string): void {
  for (const path of [turnPath, changeLockPath, treeLockPath]) {
    host.files.remove(path(rootDirectory, name));
  }
}
