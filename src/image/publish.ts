/**
 * Changing an image: a draft beside the images, then one rename. Jobs that run keep the tree they
 * were cloned from; an old tree goes when none of them needs it.
 */
import type { Host } from "../host/host.ts";
import { listMachines } from "../machine/machine-list.ts";
import type { Storage } from "../storage/storage.ts";
import type { ImageName } from "../text/names.ts";
import { generationsDirectory, type Image } from "./find-image.ts";
import { imageLock } from "./image-lock.ts";

export interface ImageStore {
  readonly rootDirectory: string;
  readonly storage: Storage;
}

const draftsDirectory = (store: ImageStore): string => `${store.rootDirectory}/.drafts`;
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
  host.files.ensureDirectory(directory, 0o755);
  host.files.renameNew(draft.tree, `${directory}/${generation}`);
  draft.published();
  const next = `${directory}/.current-${host.randomName(6)}`;
  host.files.link(generation, next);
  {
    using _lock = imageLock(host, store.rootDirectory, name, "exclusive");
    host.files.rename(next, `${directory}/current`);
  }
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
    host.files.renameNew(image.tree, old);
    host.files.renameNew(draft.tree, image.tree);
  }
  draft.published();
  await removeUnusedTrees(host, store);
}

/** Removes old trees that no machine was cloned from. */
export async function removeUnusedTrees(host: Host, store: ImageStore): Promise<void> {
  const used = new Set(listMachines(host).map((machine) => machine.state?.source));
  for (const tree of oldTrees(host, store)) {
    const facts = host.files.probe(tree);
    if (facts === undefined || used.has(`${facts.device}:${facts.inode}`)) continue;
    await store.storage.remove(host, tree);
  }
}

function oldTrees(host: Host, store: ImageStore): string[] {
  const trash = trashDirectory(store);
  const trees =
    host.files.probe(trash) === undefined
      ? []
      : host.files.list(trash).map((entry) => `${trash}/${entry}`);
  for (const entry of host.files.list(store.rootDirectory)) {
    const directory = `${store.rootDirectory}/${entry}`;
    if (!entry.endsWith(".v") || host.files.probe(`${directory}/current`)?.kind !== "link")
      continue;
    const current = host.files.readLink(`${directory}/current`);
    const prefix = `${entry.slice(0, -2)}_`;
    for (const generation of host.files.list(directory)) {
      if (generation.startsWith(prefix) && generation !== current) {
        trees.push(`${directory}/${generation}`);
      }
    }
  }
  return trees;
}
