/**
 * Changing an image: a draft beside the images, then one rename. Jobs that run keep the tree they
 * were cloned from; an old tree goes when none of them needs it.
 */
import { dirname } from "node:path";
import type { Host } from "../host/host.ts";
import { listMachines } from "../machine/machine-list.ts";
import type { Storage } from "../storage/storage.ts";
import { type ImageName, isImageName } from "../text/names.ts";
import { generationsDirectory, type Image } from "./find-image.ts";
import { imageLock, tryChangeLock } from "./image-lock.ts";

export interface ImageStore {
  readonly rootDirectory: string;
  readonly storage: Storage;
}

const draftsDirectory = (store: ImageStore): string => `${store.rootDirectory}/.drafts`;
/** Of the link that is to become `current`. */
const NEXT_PREFIX = ".current-";
const trashDirectory = (store: ImageStore): string => `${store.rootDirectory}/.trash`;

export interface Draft extends AsyncDisposable {
  readonly tree: string;
  /** The draft became the image's tree: nothing is left to remove. */
  published(): void;
}

/**
 * A place for a new tree of an image, removed when not published. The caller holds the image's
 * change lock, so what lies there from a killed command of before is removed first.
 */
export async function openDraft(host: Host, store: ImageStore, name: ImageName): Promise<Draft> {
  const directory = `${draftsDirectory(store)}/${name}`;
  host.files.ensureDirectory(draftsDirectory(store), 0o700);
  await removeDraft(host, store, directory);
  host.files.createDirectory(directory, 0o700);
  return {
    tree: `${directory}/root`,
    published: () => host.files.remove(directory),
    [Symbol.asyncDispose]: () => removeDraft(host, store, directory),
  };
}

async function removeDraft(host: Host, store: ImageStore, directory: string): Promise<void> {
  await store.storage.remove(host, directory);
}

/** Makes a draft the tree of a new image of generations, or the next generation of one. */
export async function publishGeneration(
  host: Host,
  store: ImageStore,
  change: { readonly name: ImageName; readonly draft: Draft },
): Promise<void> {
  const { name, draft } = change;
  const directory = generationsDirectory(store.rootDirectory, name);
  const version = new Date(host.clock.nowMs()).toISOString().replace(/[-:]|\.\d+Z/g, "");
  const generation = `${name}_${version}-${host.randomName(4)}`;
  {
    using _lock = imageLock(host, store.rootDirectory, name, "exclusive");
    if (host.files.probe(directory) === undefined) {
      // A new image comes whole, in one step, or not at all.
      const first = `${dirname(draft.tree)}/generations`;
      host.files.createDirectory(first, 0o755);
      host.files.link(generation, `${first}/current`);
      host.files.renameNew(draft.tree, `${first}/${generation}`);
      host.files.renameNew(first, directory);
    } else {
      const next = `${directory}/${NEXT_PREFIX}${host.randomName(6)}`;
      host.files.link(generation, next);
      host.files.renameNew(draft.tree, `${directory}/${generation}`);
      host.files.rename(next, `${directory}/current`);
    }
  }
  draft.published();
  await removeUnusedTrees(host, store);
}

/** Puts a draft in the place of a plain image's directory. */
export async function replacePlain(
  host: Host,
  store: ImageStore,
  change: { readonly image: Image; readonly draft: Draft },
): Promise<void> {
  const { image, draft } = change;
  const trash = trashDirectory(store);
  host.files.ensureDirectory(trash, 0o700);
  const old = `${trash}/${image.name}-${host.randomName(8)}`;
  {
    using _lock = imageLock(host, store.rootDirectory, image.name, "exclusive");
    // From the trash, where the old one will be: however this ends, the image is there, and gc
    // finds the other one.
    host.files.renameNew(draft.tree, old);
    host.files.exchange(old, image.tree);
  }
  draft.published();
  await removeUnusedTrees(host, store);
}

/** Removes old trees that no machine was cloned from, and what a killed command left of a change. */
export async function removeUnusedTrees(host: Host, store: ImageStore): Promise<void> {
  for (const entry of host.files.list(store.rootDirectory)) {
    const name = entry.slice(0, -2);
    if (!entry.endsWith(".v") || !isImageName(name)) continue;
    // Nobody is between putting a tree there and making it the current one.
    using _lock = imageLock(host, store.rootDirectory, name, "shared");
    await removeUnused(host, store, oldGenerations(host, store, name));
  }
  const trash = trashDirectory(store);
  if (host.files.probe(trash) === undefined) return;
  for (const entry of host.files.list(trash)) {
    const name = entry.slice(0, entry.lastIndexOf("-"));
    if (!isImageName(name)) continue;
    using _lock = imageLock(host, store.rootDirectory, name, "shared");
    await removeUnused(host, store, [`${trash}/${entry}`]);
  }
}

/**
 * The trees are old by now, so no machine is cloned from them any more: those that were have
 * written so (docs/decisions/0002).
 */
async function removeUnused(
  host: Host,
  store: ImageStore,
  trees: readonly string[],
): Promise<void> {
  const used = new Set(listMachines(host).map((machine) => machine.state?.source));
  for (const tree of trees) {
    const facts = host.files.probe(tree);
    if (facts === undefined || used.has(`${facts.device}:${facts.inode}`)) continue;
    await store.storage.remove(host, tree);
  }
}

function oldGenerations(host: Host, store: ImageStore, name: ImageName): string[] {
  const directory = generationsDirectory(store.rootDirectory, name);
  if (host.files.probe(`${directory}/current`)?.kind !== "link") return [];
  const current = host.files.readLink(`${directory}/current`);
  const entries = host.files.list(directory);
  for (const entry of entries.filter((entry) => entry.startsWith(NEXT_PREFIX))) {
    host.files.remove(`${directory}/${entry}`);
  }
  return entries
    .filter((entry) => entry.startsWith(`${name}_`) && entry !== current)
    .map((entry) => `${directory}/${entry}`);
}

/** Removes drafts whose command was killed. */
export async function removeDeadDrafts(host: Host, store: ImageStore): Promise<void> {
  const drafts = draftsDirectory(store);
  if (host.files.probe(drafts) === undefined) return;
  for (const name of host.files.list(drafts).filter(isImageName)) {
    using lock = tryChangeLock(host, store.rootDirectory, name);
    if (lock !== undefined) await removeDraft(host, store, `${drafts}/${name}`);
  }
}
