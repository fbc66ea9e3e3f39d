/** Images with packages that jobs have asked for, as they lie in `.packages/`. */
import * as v from "valibot";
import type { Host } from "../../host/host.ts";
import type { ImageName } from "../../text/names.ts";
import type { ImageStore } from "../draft.ts";
import { type Image, isCurrentTree } from "../find-image.ts";
import { readManifest, removeManifest } from "../generations/manifest.ts";
import { usedTrees } from "../generations/publish.ts";
import { removeLock, tryImageLock } from "../image-lock.ts";
import { type ExtendedLimits, planForgetting } from "./forget.ts";
import { type PackageRequest, packagesKey } from "./package-request.ts";

const directoryOf = (store: ImageStore): string => `${store.rootDirectory}/.packages`;

export const extendedTree = (store: ImageStore, key: string): string =>
  `${directoryOf(store)}/${key}`;

const usePath = (tree: string): string => `${tree}.use`;

const useSchema = v.object({
  /** The image, and device and inode of the tree that this one was made from. */
  image: v.string(),
  base: v.string(),
  lastUsedMs: v.number(),
  addedBytes: v.number(),
});

export type ExtendedUse = v.InferOutput<typeof useSchema>;

export function readUse(host: Pick<Host, "files">, tree: string): ExtendedUse | undefined {
  const path = usePath(tree);
  if (host.files.probe(path) === undefined) return undefined;
  const parsed = v.safeParse(useSchema, JSON.parse(host.files.readText(path)));
  return parsed.success ? parsed.output : undefined;
}

export function writeUse(host: Pick<Host, "files">, tree: string, use: ExtendedUse): void {
  host.files.writeText(usePath(tree), `${JSON.stringify(use)}\n`, 0o600);
}

/** The image with those packages, when an earlier job has had them installed. */
export function findExtended(
  host: Pick<Host, "files">,
  store: ImageStore,
  request: { readonly base: Image; readonly packages: PackageRequest },
): Image | undefined {
  const { base, packages } = request;
  return probeExtended(host, store, { name: base.name, key: extendedKey(base, packages) });
}

export const extendedKey = (base: Image, packages: PackageRequest): string =>
  packagesKey(`${base.name}/${base.version ?? base.identity}`, packages);

/** The tree of that key as an image that machines can be cloned from, when it is there whole. */
export function probeExtended(
  host: Pick<Host, "files">,
  store: ImageStore,
  request: { readonly name: ImageName; readonly key: string },
): Image | undefined {
  const tree = extendedTree(store, request.key);
  const facts = host.files.probe(tree);
  if (facts?.kind !== "directory" || readManifest(host, tree) === undefined) return undefined;
  const identity = `${facts.device}:${facts.inode}`;
  return { name: request.name, kind: "generations", version: request.key, tree, identity };
}

/** Removes those that `planForgetting` says. */
export async function forgetExtended(
  host: Host,
  store: ImageStore,
  limits: ExtendedLimits,
): Promise<void> {
  const directory = directoryOf(store);
  if (host.files.probe(directory) === undefined) return;
  const machines = usedTrees(host);
  const all = host.files.list(directory).flatMap((key) => {
    const tree = extendedTree(store, key);
    const facts = host.files.probe(tree);
    if (facts?.kind !== "directory") return [];
    const use = readUse(host, tree);
    return {
      key,
      baseIsCurrent: use !== undefined && isCurrentTree(host, store.rootDirectory, use),
      used: machines.has(`${facts.device}:${facts.inode}`),
      lastUsedMs: use?.lastUsedMs ?? 0,
      addedBytes: use?.addedBytes ?? 0,
    };
  });
  for (const key of planForgetting(all, limits)) {
    const tree = extendedTree(store, key);
    using lock = tryImageLock(host, store.rootDirectory, `.packages-${key}`);
    if (lock === undefined) continue; // A job is about to clone it.
    // First what makes it whole: a removal that is cut off leaves nothing that a job would take.
    removeManifest(host, tree);
    await store.storage.remove(host, tree);
    host.files.remove(usePath(tree));
    removeLock(host, store.rootDirectory, `.packages-${key}`);
  }
}
