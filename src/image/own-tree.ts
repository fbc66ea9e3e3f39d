/** A directory put into the root directory by hand becomes clonable without anyone's help, once. */
import type { Host } from "../host/host.ts";
import { WAITS } from "../host/waits.ts";
import { onlyWarn } from "../text/only-warn.ts";
import { tryChangeLock } from "./change-lock.ts";
import { hasMachine, type ImageStore, openDraft, writeToDisk } from "./draft.ts";
import type { Image } from "./find-image.ts";
import { replacePlain } from "./generations/publish.ts";
import { changeLockPath } from "./lock-paths.ts";
import { wantsOwnTree } from "./movable-tree.ts";
import { tidyImage } from "./tidy.ts";

/**
 * On btrfs, makes a plain directory a subvolume of the same content. When that cannot be done a clone
 * is copied, only more slowly, so a failure is no more than a warning.
 */
export async function ensureOwnTree(host: Host, store: ImageStore, image: Image): Promise<void> {
  if (!wantsOwnTree(host, store, image)) return;
  using lock = await lockForConversion(host, store, image);
  // Another may have done it.
  if (lock === undefined || !wantsOwnTree(host, store, image)) return;
  host.log.info(
    `Image "${image.name}" is a plain directory; making it a btrfs subvolume, once, so that jobs start in milliseconds.`,
  );
  await onlyWarn(host.log, `make image "${image.name}" a btrfs subvolume`, () =>
    convert(host, store, image),
  );
}

const NOBODYS: Disposable = { [Symbol.dispose]: () => {} };

/**
 * Waits for another who is converting it: copying it as well, for a clone, would take as long and keep
 * everybody from the image's trees. Nothing where somebody works in a copy of it, which may last hours.
 */
async function lockForConversion(
  host: Host,
  store: ImageStore,
  { name }: Image,
): Promise<Disposable | undefined> {
  const { rootDirectory } = store;
  const lock = await host.locks.wait({
    path: changeLockPath(rootDirectory, name),
    what: `image "${name}" for changing it`,
    wait: WAITS.changeLock,
    take: () => {
      const free = tryChangeLock(host, rootDirectory, name);
      return free ?? (hasMachine(host, store, name) ? NOBODYS : undefined);
    },
    onWait: (by) => host.log.info(`Waiting for ${by}, which is changing image "${name}".`),
  });
  return lock === NOBODYS ? undefined : lock;
}

async function convert(host: Host, store: ImageStore, image: Image): Promise<void> {
  await using draft = await openDraft(host, store, image.name);
  await store.storage.copyTree(host, image.tree, draft.tree);
  await writeToDisk(host, draft);
  await replacePlain(host, store, { image, draft });
  await tidyImage(host, store, image.name);
}
