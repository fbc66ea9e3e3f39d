/** Images with packages that jobs have asked for, as they lie in `.packages/`. */

import type { Host } from "../../host/host.ts";
import { type RecordHost, readValue } from "../../record/record.ts";
import { discardTree, moveToTrash, startDeleter } from "../../storage/trash.ts";
import { type ImageName, isImageName, type TreeId } from "../../text/names.ts";
import { onlyWarn } from "../../text/only-warn.ts";
import { isChanging } from "../change-lock.ts";
import type { ImageStore } from "../draft.ts";
import { type Image, probeImage } from "../find-image.ts";
import {
  manifestPath,
  readManifest,
  removeManifest,
  requireManifest,
} from "../generations/manifest.ts";
import { listLocks, removeLocks } from "../lock-paths.ts";
import { readTreeId } from "../tree-id.ts";
import { tryTreeLock } from "../tree-lock.ts";
import { extendedDirectory } from "../tree-places.ts";
import { mayBeUsed, usedTrees } from "../used-trees.ts";
import { type ExtendedUse, lastUsedMs, readUse, usePath } from "./extended-use.ts";
import { type Extended, type ExtendedLimits, planForgetting } from "./forget.ts";
import { type PackageRequest, packagesKey } from "./package-request.ts";

export const extendedTree = (store: ImageStore, key: string): string =>
  `${extendedDirectory(store.rootDirectory)}/${key}`;

const LOCK_PREFIX = ".packages-";

/** Name of the locks of one of these: no image's. */
export const extendedLock = (key: string): string => `${LOCK_PREFIX}${key}`;

/** The image with those packages, when an earlier job has had them installed. */
export function findExtended(
  host: RecordHost,
  store: ImageStore,
  request: { readonly base: Image; readonly packages: PackageRequest },
): Image | undefined {
  const { base, packages } = request;
  const id = readTreeId(host, { rootDirectory: store.rootDirectory, tree: base.tree });
  if (id === undefined) return undefined;
  return probeExtended(host, store, { name: base.name, key: extendedKey(base.name, id, packages) });
}

/** The same for whoever asks, wherever the image's tree lies by now. */
export const extendedKey = (name: ImageName, base: TreeId, packages: PackageRequest): string =>
  packagesKey(`${name}/${base}`, packages);

/** The tree of that key as an image that machines can be cloned from, when it is there whole. */
export function probeExtended(
  host: RecordHost,
  store: ImageStore,
  request: { readonly name: ImageName; readonly key: string },
): Image | undefined {
  const tree = extendedTree(store, request.key);
  const facts = host.files.probe(tree);
  if (facts?.kind !== "directory" || readManifest(host, tree).kind !== "read") return undefined;
  return { name: request.name, kind: "generations", version: request.key, tree };
}

/** Keys of those that `planForgetting` says, and of what crashes left of others. Looks only. */
export function findForgettable(
  host: Host,
  store: ImageStore,
  limits: ExtendedLimits,
): readonly string[] {
  const keys = listKeys(host, store);
  const all = keys.flatMap((key) => describeExtended(host, store, key) ?? []);
  const strays = [...keys, ...listLockedKeys(host, store)].filter(
    (key) =>
      host.files.probe(extendedTree(store, key)) === undefined &&
      !isChanging(host, store.rootDirectory, extendedLock(key)),
  );
  return [...new Set([...planForgetting(all, limits), ...strays])];
}

export async function forgetExtended(
  host: Host,
  store: ImageStore,
  limits: ExtendedLimits,
): Promise<void> {
  for (const key of findForgettable(host, store, limits)) {
    await onlyWarn(host.log, `remove the image with added packages "${key}"`, () =>
      forget(host, store, key),
    );
  }
}

/** Of those that have locks: also of one that could not be made. */
function listLockedKeys(host: Host, { rootDirectory }: ImageStore): readonly string[] {
  const names = listLocks(host, rootDirectory).filter((name) => name.startsWith(LOCK_PREFIX));
  return names.map((name) => name.slice(LOCK_PREFIX.length));
}

/** Of trees, and of files whose tree is gone. */
function listKeys(host: Host, store: ImageStore): readonly string[] {
  const directory = extendedDirectory(store.rootDirectory);
  if (host.files.probe(directory) === undefined) return [];
  const keys = host.files.list(directory).flatMap((entry) => /^[^.]+/.exec(entry)?.[0] ?? []);
  return [...new Set(keys)];
}

function describeExtended(host: Host, store: ImageStore, key: string): Extended | undefined {
  const tree = extendedTree(store, key);
  const facts = host.files.probe(tree);
  if (facts?.kind !== "directory") return undefined;
  const read = readUse(host, tree);
  const use = readValue(read);
  return {
    key,
    baseIsCurrent: use !== undefined && isCurrent(host, store, use),
    // Another release's is not ours to judge.
    used:
      read.kind === "unreadable" ||
      readManifest(host, tree).kind === "unreadable" ||
      mayBeUsed(
        usedTrees(host, store.rootDirectory),
        readTreeId(host, { rootDirectory: store.rootDirectory, tree }),
      ),
    lastUsedMs: lastUsedMs(host, tree),
    addedBytes: use?.addedBytes ?? 0,
  };
}

/** Whether new jobs of the image still get the tree that this one was made from. */
function isCurrent(host: Host, store: ImageStore, { image, base }: ExtendedUse): boolean {
  const { rootDirectory } = store;
  const now = isImageName(image) ? probeImage(host, rootDirectory, image) : undefined;
  if (now === undefined || base === undefined) return false;
  return readTreeId(host, { rootDirectory, tree: now.tree }) === base;
}

/** False when a job is about to use it. */
export async function forget(host: Host, store: ImageStore, key: string): Promise<boolean> {
  const taken = takeAway(host, store, key);
  if (taken) await startDeleter(host, store.rootDirectory);
  return taken;
}

/** Under its lock: out of the way of whoever asks for it. Whether it is. */
function takeAway(host: Host, store: ImageStore, key: string): boolean {
  const tree = extendedTree(store, key);
  const name = extendedLock(key);
  using lock = tryTreeLock(host, store.rootDirectory, name);
  if (lock === undefined) return false; // A job is about to clone it.
  // One may have done so, and have let go of the lock, since we looked.
  if (describeExtended(host, store, key)?.used === true) return false;
  // First what makes it whole: a removal that is cut off leaves nothing that a job would take.
  removeManifest(host, tree);
  moveToTrash(host, store.rootDirectory, tree);
  host.files.remove(usePath(tree));
  removeLocks(host, store.rootDirectory, name);
  return true;
}

/**
 * Throws a system error when what lies there, and is not whole, is another release's or may be in use.
 * What a crash has left of it no machine was cloned from.
 */
export function requireReplaceable(host: Host, store: ImageStore, key: string): void {
  if (describeExtended(host, store, key)?.used !== true) return;
  requireManifest(host, extendedTree(store, key));
}

/**
 * After an installation that failed, whose change lock the caller has: a job chooses the key, and could
 * leave locks of any number of them. Who waits to try the same holds one, and comes here in its turn.
 */
export function dropLocks(host: Pick<Host, "files">, store: ImageStore, key: string): void {
  const name = extendedLock(key);
  using lock = tryTreeLock(host, store.rootDirectory, name);
  if (lock === undefined || host.files.probe(extendedTree(store, key)) !== undefined) return;
  removeLocks(host, store.rootDirectory, name);
}

/** Puts a draft, its manifest and its use in the place of that key. The manifest comes last. */
export async function placeExtended(
  host: Host,
  store: ImageStore,
  place: { readonly key: string; readonly draftTree: string },
): Promise<void> {
  const { key, draftTree } = place;
  const tree = extendedTree(store, key);
  // One of which a crash left half: it has no manifest that can be read, or it would have been taken.
  removeManifest(host, tree);
  await discardTree(host, store.rootDirectory, tree);
  host.files.rename(usePath(draftTree), usePath(tree));
  host.files.renameNew(draftTree, tree);
  host.files.rename(manifestPath(draftTree), manifestPath(tree));
}
