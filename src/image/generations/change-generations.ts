/** What an administrator does with generations: go back, keep, remove. */
import type { Host } from "../../host/host.ts";
import { moveToTrash, startDeleter } from "../../storage/trash.ts";
import { RunnerError } from "../../text/errors.ts";
import { type ImageName, parseImageName } from "../../text/names.ts";
import { requireChangeLock } from "../change-lock.ts";
import { type ImageStore, writtenAway } from "../draft.ts";
import { findImage, generationsDirectory, type Image, linkTarget } from "../find-image.ts";
import { removeLocks } from "../lock-paths.ts";
import { makeMovable, requireNoMount } from "../movable-tree.ts";
import { readTreeId } from "../tree-id.ts";
import { treeLock } from "../tree-lock.ts";
import { mayBeUsed, usedTrees } from "../used-trees.ts";
import { findGeneration, type Generation, listGenerations, pinPath } from "./generations.ts";
import { makeCurrent, takeGenerationAway } from "./publish.ts";

/** Throws a usage error for an image that has none: a directory that came by hand. */
export function requireGenerations(
  host: Host,
  store: ImageStore,
  text: string,
): { readonly name: ImageName; readonly generations: readonly Generation[] } {
  const { name } = findImage(host, store.rootDirectory, text);
  const generations = listGenerations(host, store.rootDirectory, name);
  if (generations.length > 0) return { name, generations };
  throw new RunnerError({
    kind: "usage",
    message: `Image "${name}" has no generations: it is a directory that was put there by hand.`,
    hints: ["Images get generations by chroot-create, or from a definition by chroot-maintenance."],
  });
}

/**
 * Makes an older generation the current one, the one before when no version is given. Returns its
 * version. New jobs get it; those that run keep theirs.
 */
export async function rollBack(
  host: Host,
  store: ImageStore,
  request: { readonly image: string; readonly version: string | undefined },
): Promise<string> {
  const { name } = requireGenerations(host, store, request.image);
  using _lock = requireChangeLock(host, store.rootDirectory, name);
  const { generations } = requireGenerations(host, store, name);
  const target =
    request.version === undefined
      ? oneBefore(generations, name)
      : findGeneration(generations, { name, version: request.version });
  await makeCurrent(host, store, { name, version: target.version });
  return target.version;
}

function oneBefore(generations: readonly Generation[], name: ImageName): Generation {
  const index = generations.findIndex((generation) => generation.current);
  const before = generations[index - 1];
  if (before !== undefined) return before;
  throw new RunnerError({
    kind: "usage",
    message: `Image "${name}" has no generation older than its current one.`,
    hints: [`See "nspawn-runner chroot-list ${name}".`],
  });
}

/** Keeps a generation (the current one when no version is given) from being removed or replaced. */
export async function setPin(
  host: Host,
  store: ImageStore,
  request: {
    readonly image: string;
    readonly version: string | undefined;
    readonly pinned: boolean;
  },
): Promise<string> {
  const { name } = requireGenerations(host, store, request.image);
  // Whoever removes generations looks for pins under this lock.
  using _lock = await treeLock(host, store.rootDirectory, name, "exclusive");
  const { generations } = requireGenerations(host, store, name);
  const target =
    request.version === undefined
      ? generations.find((generation) => generation.current)
      : findGeneration(generations, { name, version: request.version });
  if (target === undefined) throw new Error(`image "${name}" has no current generation`);
  if (request.pinned) host.files.writeDurable(pinPath(target.tree), "", 0o644);
  else host.files.remove(pinPath(target.tree));
  return target.version;
}

/** What was removed. */
export type Removal =
  | { readonly kind: "image" }
  | { readonly kind: "generation" }
  /** A second name of an image, which stays; or one that led nowhere. */
  | { readonly kind: "link"; readonly target: string };

/**
 * Removes one generation, the whole image, or of a second name the name alone. Refuses what a machine
 * was cloned from, what is pinned, and the current generation alone.
 */
export async function removeImage(
  host: Host,
  store: ImageStore,
  request: { readonly image: string; readonly version: string | undefined },
): Promise<Removal> {
  const { rootDirectory } = store;
  if (request.version === undefined) {
    const target = linkTarget(host, rootDirectory, parseImageName(request.image));
    if (target !== undefined) {
      host.files.remove(`${rootDirectory}/${request.image}`);
      await writtenAway(host, rootDirectory);
      return { kind: "link", target };
    }
  }
  const { name } = findImage(host, store.rootDirectory, request.image);
  using _change = requireChangeLock(host, store.rootDirectory, name);
  await takeAway(host, store, { name, version: request.version });
  await writtenAway(host, store.rootDirectory);
  await startDeleter(host, store.rootDirectory);
  return { kind: request.version === undefined ? "image" : "generation" };
}

/** Out of every job's way, in one rename. */
async function takeAway(
  host: Host,
  store: ImageStore,
  request: { readonly name: ImageName; readonly version: string | undefined },
): Promise<void> {
  const { name, version } = request;
  using _lock = await treeLock(host, store.rootDirectory, name, "exclusive");
  const image = findImage(host, store.rootDirectory, name);
  const generations = listGenerations(host, store.rootDirectory, name);
  if (version !== undefined) {
    const chosen = findGeneration(generations, { name, version });
    if (chosen.current) throw refusal(name, `generation "${chosen.version}" is what new jobs get`);
    requireUnused(host, store, name, [chosen]);
    await makeMovable(host, chosen.tree);
    takeGenerationAway(host, store, chosen);
    return;
  }
  const plain = image.kind === "plain";
  requireUnused(host, store, name, plain ? [plainTree(host, store, image)] : generations);
  const place = plain ? image.tree : generationsDirectory(store.rootDirectory, name);
  if (!plain) requireNothingBehind(host, store, name);
  requireNoMount(host, place);
  if (plain) await makeMovable(host, place);
  moveToTrash(host, store.rootDirectory, place);
  removeLocks(host, store.rootDirectory, name);
}

const plainTree = (host: Host, { rootDirectory }: ImageStore, { tree }: Image) => ({
  id: readTreeId(host, { rootDirectory, tree }),
  version: "",
  pinned: false,
  foreign: false,
});

/** What was put there by hand before would be the image again: not what who removes it has in mind. */
function requireNothingBehind(host: Host, { rootDirectory }: ImageStore, name: ImageName): void {
  const path = `${rootDirectory}/${name}`;
  if (host.files.probe(path) === undefined) return;
  throw new RunnerError({
    kind: "usage",
    message: `Cannot remove the image "${name}": jobs would get "${path}" then, which was put there by hand.`,
    hints: [`Remove "${path}", or move it out of "${rootDirectory}"; then try again.`],
  });
}

function requireUnused(
  host: Host,
  store: ImageStore,
  name: ImageName,
  trees: readonly Pick<Generation, "id" | "pinned" | "version" | "foreign">[],
): void {
  const used = usedTrees(host, store.rootDirectory);
  for (const tree of trees) {
    const what = tree.version === "" ? "it" : `generation "${tree.version}"`;
    if (tree.foreign) throw refusal(name, `what is known of ${what} cannot be read`);
    if (tree.id !== undefined && used.known.has(tree.id)) {
      throw refusal(name, `a job's machine uses ${what}`);
    }
    if (used.unknown) throw refusal(name, `what one of the jobs' machines uses cannot be read`);
    if (mayBeUsed(used, tree.id)) {
      throw refusal(
        name,
        `the tree of one of the jobs' machines is not known, and may be this one`,
      );
    }
    if (tree.pinned) throw refusal(name, `${what} is pinned`);
  }
}

function refusal(name: ImageName, reason: string): RunnerError {
  return new RunnerError({
    kind: "usage",
    message: `Cannot remove from image "${name}": ${reason}.`,
    hints: [
      `See "nspawn-runner chroot-list ${name}"; "chroot-pin --remove" takes a pin away, "chroot-rollback" makes another generation current.`,
    ],
  });
}
