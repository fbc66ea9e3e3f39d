/**
 * Making a draft the tree that new jobs get: one rename. Jobs that run keep the tree they were
 * cloned from; an old tree goes when none of them needs it and nothing keeps it.
 */

import type { Host } from "../../host/host.ts";
import { moveToTrash, startDeleter } from "../../storage/trash.ts";
import type { ImageName } from "../../text/names.ts";
import { type Draft, type ImageStore, writtenAway } from "../draft.ts";
import { generationsDirectory, type Image } from "../find-image.ts";
import { makeMovable } from "../movable-tree.ts";
import { retiredPlace } from "../retired-trees.ts";
import { ensureTreeId } from "../tree-id.ts";
import { treeLock } from "../tree-lock.ts";
import { mayBeUsed, usedTrees } from "../used-trees.ts";
import { type Generation, listGenerations, pinPath } from "./generations.ts";
import { KEEP_DEFAULT, planRemoval } from "./keep.ts";
import { manifestPath, removeManifest } from "./manifest.ts";

/** Of the link that is to become `current`. */
const NEXT_PREFIX = ".current-";

/** Beside a tree; "new" while it is being written. */
const FILE_OF_TREE = /^(.*)\.(?:json|pin)((?:\.[0-9a-z]+)?\.new)?$/;

/** Sorts by time to the millisecond, and is never given twice. */
export function newVersion(host: Pick<Host, "clock" | "randomName">): string {
  const time = new Date(host.clock.nowMs()).toISOString().replace(/[-:.Z]/g, "");
  return `${time}-${host.randomName(4)}`;
}

/**
 * Makes a draft, beside which its manifest lies, the current generation of its image. Atomic: a crash
 * leaves the one from before, and at most a finished generation besides. Old ones stay: see `tidy.ts`.
 */
export async function publishGeneration(
  host: Host,
  store: ImageStore,
  change: { readonly name: ImageName; readonly version: string; readonly draft: Draft },
): Promise<void> {
  const { name, version, draft } = change;
  const directory = generationsDirectory(store.rootDirectory, name);
  const generation = `${name}_${version}`;
  const tree = `${directory}/${generation}`;
  {
    using _lock = await treeLock(host, store.rootDirectory, name, "exclusive");
    if (host.files.probe(directory) === undefined) {
      // A new image comes whole, in one step, or not at all.
      const first = `${draft.work}/generations`;
      host.files.createDirectory(first, 0o755);
      host.files.renameNew(manifestPath(draft.tree), manifestPath(`${first}/${generation}`));
      host.files.link(generation, `${first}/current`);
      host.files.renameNew(draft.tree, `${first}/${generation}`);
      host.files.renameNew(first, directory);
    } else {
      host.files.renameNew(manifestPath(draft.tree), manifestPath(tree));
      host.files.renameNew(draft.tree, tree);
      pointTo(host, directory, generation);
    }
  }
  draft.published();
  await writtenAway(host, directory);
}

/** Points `current` at a generation. Atomic; jobs that are being cloned get the old one or the new. */
export async function makeCurrent(
  host: Host,
  store: ImageStore,
  choice: { readonly name: ImageName; readonly version: string },
): Promise<void> {
  const { name, version } = choice;
  const directory = generationsDirectory(store.rootDirectory, name);
  {
    using _lock = await treeLock(host, store.rootDirectory, name, "exclusive");
    pointTo(host, directory, `${name}_${version}`);
  }
  await writtenAway(host, directory);
}

function pointTo(host: Host, directory: string, generation: string): void {
  const next = `${directory}/${NEXT_PREFIX}${host.randomName(6)}`;
  host.files.link(generation, next);
  host.files.rename(next, `${directory}/current`);
}

/** Puts a draft in the place of a plain image's directory. */
export async function replacePlain(
  host: Host,
  store: ImageStore,
  change: { readonly image: Image; readonly draft: Draft },
): Promise<void> {
  const { image, draft } = change;
  const { rootDirectory } = store;
  {
    using _lock = await treeLock(host, rootDirectory, image.name, "exclusive");
    const id = await ensureTreeId(host, { rootDirectory, tree: image.tree });
    const old = retiredPlace(host, store, id);
    // From the place where the old one will be: however this ends, the image is there, and gc
    // finds the other one.
    const mark = host.files.birthMark(draft.tree);
    host.files.renameNew(draft.tree, old);
    try {
      host.files.exchange(old, image.tree);
    } catch (error) {
      // Refused: what lies there is the draft still, and nothing that was replaced.
      if (host.files.birthMark(old) === mark) host.files.renameNew(old, draft.tree);
      throw error;
    }
  }
  draft.published();
  await writtenAway(host, rootDirectory);
}

/** Generations that the current one's rule no longer keeps. Looks only. */
export function findOldGenerations(host: Host, store: ImageStore, name: ImageName): Generation[] {
  // In this order: a machine that is cloned meanwhile was not cloned from an old one.
  const generations = listGenerations(host, store.rootDirectory, name);
  const used = usedTrees(host, store.rootDirectory);
  const candidates = generations.map((one) => ({
    ...one,
    // Another release's is not ours to judge.
    used: one.foreign || mayBeUsed(used, one.id),
    builtMs: Date.parse(one.manifest?.builtAt ?? "") || one.changedMs,
  }));
  const rule = generations.find((one) => one.current)?.manifest?.keep ?? KEEP_DEFAULT;
  const removed = planRemoval(candidates, rule, host.clock.nowMs());
  return generations.filter(({ version }) => removed.includes(version));
}

/** A crash may leave a manifest whose tree never came, and a link that was not renamed. Looks only. */
export function findStrays(host: Host, store: ImageStore, name: ImageName): string[] {
  const directory = generationsDirectory(store.rootDirectory, name);
  if (host.files.probe(directory) === undefined) return [];
  // All else is a person's, and none of ours.
  const isStray = (entry: string): boolean => {
    const kind = host.files.probe(`${directory}/${entry}`)?.kind;
    if (kind === "link") return entry.startsWith(NEXT_PREFIX);
    const [, tree, isNew] = FILE_OF_TREE.exec(entry) ?? [];
    if (kind !== "file" || !tree?.startsWith(`${name}_`)) return false;
    return isNew !== undefined || host.files.probe(`${directory}/${tree}`) === undefined;
  };
  const strays = host.files.list(directory).filter(isStray);
  return strays.map((entry) => `${directory}/${entry}`);
}

/** Removes both. */
export async function removeOldGenerations(
  host: Host,
  store: ImageStore,
  name: ImageName,
): Promise<void> {
  for (const generation of findOldGenerations(host, store, name)) {
    await removeUnused(host, store, { name, generation });
  }
  using _lock = await treeLock(host, store.rootDirectory, name, "exclusive");
  for (const path of findStrays(host, store, name)) host.files.remove(path);
}

async function removeUnused(
  host: Host,
  store: ImageStore,
  { name, generation }: { readonly name: ImageName; readonly generation: Generation },
): Promise<void> {
  {
    using _lock = await treeLock(host, store.rootDirectory, name, "exclusive");
    // A job may have been cloned from it, and a person may have pinned it, since we looked.
    if (mayBeUsed(usedTrees(host, store.rootDirectory), generation.id)) return;
    if (host.files.probe(pinPath(generation.tree)) !== undefined) return;
    await makeMovable(host, generation.tree);
    takeGenerationAway(host, store, generation);
  }
  await startDeleter(host, store.rootDirectory);
}

/** Out of every job's way; the caller has the lock of the image's trees alone. */
export function takeGenerationAway(host: Host, store: ImageStore, { tree }: Generation): void {
  moveToTrash(host, store.rootDirectory, tree);
  host.files.remove(pinPath(tree));
  removeManifest(host, tree);
}
