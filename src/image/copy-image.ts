/**
 * A copy of what jobs of an image get, for a tree that is made from it. It may take long, so no lock
 * is held: that would keep jobs from their clones. Whether it is the copy of one whole tree is looked
 * at afterwards instead.
 */
import type { Host } from "../host/host.ts";
import { discardTree } from "../storage/trash.ts";
import { RunnerError } from "../text/errors.ts";
import type { TreeId } from "../text/names.ts";
import type { ImageStore } from "./draft.ts";
import { findImage, type Image } from "./find-image.ts";
import { ensureTreeId, readTreeId } from "./tree-id.ts";

const TRIES_MAX = 3;

/** Copies the image's tree to `tree`, and says which one that was. */
export async function copyImage(
  host: Host,
  store: ImageStore,
  request: { readonly image: string; readonly tree: string },
): Promise<Image> {
  for (let attempt = 1; ; attempt += 1) {
    const { rootDirectory } = store;
    const image = findImage(host, rootDirectory, request.image);
    const id = await ensureTreeId(host, { rootDirectory, tree: image.tree });
    try {
      await copySameTree(host, store, { image, id, tree: request.tree });
      return image;
    } catch (error) {
      const same = readTreeId(host, { rootDirectory, tree: image.tree }) === id;
      if (same || attempt === TRIES_MAX) throw error;
      host.log.info(`Image "${image.name}" was changed while it was copied; copying it again.`);
      await discardTree(host, store.rootDirectory, request.tree);
    }
  }
}

/** Copies that very tree. Throws a system error when the image was given another one meanwhile. */
export async function copySameTree(
  host: Host,
  store: ImageStore,
  { image, id, tree }: { readonly image: Image; readonly id: TreeId; readonly tree: string },
): Promise<void> {
  const { rootDirectory } = store;
  await store.storage.copyTree(host, image.tree, tree);
  if (readTreeId(host, { rootDirectory, tree: image.tree }) === id) return;
  throw new RunnerError({
    kind: "system",
    message: `Image "${image.name}" was changed just now.`,
    hints: ["Try again."],
  });
}
