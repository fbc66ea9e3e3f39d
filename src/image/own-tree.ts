/** A directory put into the root directory by hand becomes clonable without anyone's help, once. */
import type { Host } from "../host/host.ts";
import { tryChangeLock } from "./change-lock.ts";
import { type ImageStore, openDraft, writeToDisk } from "./draft.ts";
import type { Image } from "./find-image.ts";
import { replacePlain } from "./generations/publish.ts";
import { tidyImage } from "./tidy.ts";

/**
 * On btrfs, makes a plain directory a subvolume of the same content. When another command is at
 * it, nothing is done: a clone can be copied meanwhile, only more slowly.
 */
export async function ensureOwnTree(host: Host, store: ImageStore, image: Image): Promise<void> {
  const { storage, rootDirectory } = store;
  if (!storage.traits.needsOwnTree || storage.isOwnTree(host, image.tree)) return;
  if (image.kind !== "plain") return;
  using lock = tryChangeLock(host, rootDirectory, image.name);
  if (lock === undefined) return;
  host.log.info(
    `Image "${image.name}" is a plain directory; making it a btrfs subvolume, once, so that jobs start in milliseconds.`,
  );
  await using draft = await openDraft(host, store, image.name);
  await storage.copyTree(host, image.tree, draft.tree);
  await writeToDisk(host, draft);
  await replacePlain(host, store, { image, draft });
  await tidyImage(host, store, image.name);
}
