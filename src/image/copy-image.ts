/**
 * A copy of what jobs of an image get, for a tree that is made from it. It may take long, so no lock
 * is held: that would keep jobs from their clones. Whether it is the copy of one whole tree is looked
 * at afterwards instead.
 */
import type { Host } from "../host/host.ts";
import { discardTree } from "../storage/trash.ts";
import { RunnerError } from "../text/errors.ts";
import type { ImageStore } from "./draft.ts";
import { findImage, type Image, isSameTree } from "./find-image.ts";

const TRIES_MAX = 3;

/** Copies the image's tree to `tree`, and says which one that was. */
export async function copyImage(
  host: Host,
  store: ImageStore,
  request: { readonly image: string; readonly tree: string },
): Promise<Image> {
  for (let attempt = 1; ; attempt += 1) {
    const image = findImage(host, store.rootDirectory, request.image);
    try {
      await copySameTree(host, store, { image, tree: request.tree });
      return image;
    } catch (error) {
      if (isSameTree(host, image) || attempt === TRIES_MAX) throw error;
      host.log.info(`Image "${image.name}" was changed while it was copied; copying it again.`);
      await discardTree(host, store.rootDirectory, request.tree);
    }
  }
}

/** Copies that very tree. Throws a system error when the image was given another one meanwhile. */
export async function copySameTree(
  host: Host,
  store: ImageStore,
  { image, tree }: { readonly image: Image; readonly tree: string },
): Promise<void> {
  await store.storage.copyTree(host, image.tree, tree);
  if (isSameTree(host, image)) return;
  throw new RunnerError({
    kind: "system",
    message: `Image "${image.name}" was changed just now.`,
    hints: ["Try again."],
  });
}
