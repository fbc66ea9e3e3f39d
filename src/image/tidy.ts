/**
 * Housekeeping of images: what nobody needs any more goes. It comes after what a command was asked
 * to do and never changes how that ended; what cannot be done is told as a warning, and left to the
 * next time.
 */
import type { Host } from "../host/host.ts";
import { type ImageName, isImageName, type TreeId } from "../text/names.ts";
import { onlyWarn } from "../text/only-warn.ts";
import { tryChangeLock } from "./change-lock.ts";
import { findStaleDrafts, type ImageStore, removeStaleDraft } from "./draft.ts";
import { findOldGenerations, findStrays, removeOldGenerations } from "./generations/publish.ts";
import { findForgettable, forget } from "./packages/extended-images.ts";
import type { ExtendedLimits } from "./packages/forget.ts";
import { discardRetired, findRetired } from "./retired-trees.ts";
import { dropStaleRecords, findStaleRecords } from "./tree-id.ts";
import { usedTrees } from "./used-trees.ts";

export interface Chore {
  /** Half a sentence: `remove the draft "x"`. */
  readonly what: string;
  /** False when it was left for later: what it is about is somebody's just now. Throws when it fails. */
  readonly act: () => Promise<boolean>;
}

/** After a change of one image, whose change lock the caller holds. */
export async function tidyImage(host: Host, store: ImageStore, name: ImageName): Promise<void> {
  await onlyWarn(host.log, `remove old generations of image "${name}"`, () =>
    removeOldGenerations(host, store, name),
  );
  for (const { what, act } of findRetiredChores(host, store)) {
    await onlyWarn(host.log, what, act);
  }
}

export function findDraftChores(host: Host, store: ImageStore): Chore[] {
  return findStaleDrafts(host, store).map((name) => ({
    what: `remove the draft "${name}" of a command that was killed`,
    act: () => removeStaleDraft(host, store, name),
  }));
}

export function findRetiredChores(host: Host, store: ImageStore): Chore[] {
  return findRetired(host, store).map((path) => ({
    what: `remove "${path}", which was replaced`,
    act: () => discardRetired(host, store, path),
  }));
}

export function findRecordChores(host: Host, { rootDirectory }: ImageStore): Chore[] {
  const findUsed = (): ReadonlySet<TreeId> => usedTrees(host, rootDirectory).known;
  if (findStaleRecords(host, rootDirectory, findUsed()).length === 0) return [];
  const act = async (): Promise<boolean> => {
    await dropStaleRecords(host, rootDirectory, findUsed);
    return true;
  };
  return [{ what: "drop the names of trees that are gone", act }];
}

/** An image is locked only where there is something to do: who wants to change it is not in our way. */
export function findGenerationChores(host: Host, store: ImageStore): Chore[] {
  return host.files.list(store.rootDirectory).flatMap((entry) => {
    const name = entry.slice(0, -2);
    if (!entry.endsWith(".v") || !isImageName(name)) return [];
    const old = findOldGenerations(host, store, name).map(({ version }) => version);
    const files = findStrays(host, store, name);
    if (old.length === 0 && files.length === 0) return [];
    return {
      what: `remove old generations of image "${name}" (${old.join(", ") || "files of one"})`,
      act: async () => {
        using lock = tryChangeLock(host, store.rootDirectory, name);
        if (lock === undefined) return false;
        await removeOldGenerations(host, store, name);
        return true;
      },
    };
  });
}

export function findPackagesChores(host: Host, store: ImageStore, limits: ExtendedLimits): Chore[] {
  return findForgettable(host, store, limits).map((key) => ({
    what: `remove the image with added packages "${key}"`,
    act: () => forget(host, store, key),
  }));
}
