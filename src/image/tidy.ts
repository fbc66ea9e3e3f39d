/**
 * Housekeeping of images: what nobody needs any more goes. It comes after what a command was asked
 * to do and never changes how that ended; what cannot be done is told as a warning, and left to the
 * next time.
 */
import type { Host } from "../host/host.ts";
import { type ImageName, isImageName } from "../text/names.ts";
import { onlyWarn } from "../text/only-warn.ts";
import { tryChangeLock } from "./change-lock.ts";
import { type ImageStore, removeStaleDrafts } from "./draft.ts";
import { removeOldGenerations } from "./generations/publish.ts";
import { forgetExtended } from "./packages/extended-images.ts";
import type { ExtendedLimits } from "./packages/forget.ts";
import { discardRetired } from "./retired-trees.ts";
import { dropTreeRecords } from "./tree-id.ts";

/** After a change of one image, whose change lock the caller holds. */
export async function tidyImage(host: Host, store: ImageStore, name: ImageName): Promise<void> {
  await onlyWarn(host.log, `remove old generations of image "${name}"`, () =>
    removeOldGenerations(host, store, name),
  );
  await onlyWarn(host.log, "remove trees that were replaced", () => discardRetired(host, store));
}

/** All of them, as `gc` does. */
export async function tidyImages(
  host: Host,
  store: ImageStore,
  limits: ExtendedLimits,
): Promise<void> {
  await onlyWarn(host.log, "remove drafts of killed commands", () =>
    removeStaleDrafts(host, store),
  );
  await onlyWarn(host.log, "remove trees that were replaced", () => discardRetired(host, store));
  await onlyWarn(host.log, "drop the names of trees that are gone", () =>
    dropTreeRecords(host, store.rootDirectory),
  );
  for (const entry of host.files.list(store.rootDirectory)) {
    const name = entry.slice(0, -2);
    if (!entry.endsWith(".v") || !isImageName(name)) continue;
    await onlyWarn(host.log, `remove old generations of image "${name}"`, async () => {
      using lock = tryChangeLock(host, store.rootDirectory, name);
      if (lock !== undefined) await removeOldGenerations(host, store, name);
    });
  }
  await onlyWarn(host.log, "remove images with added packages", () =>
    forgetExtended(host, store, limits),
  );
}
