/** The registry of storage kinds, and the choice among them by the file system. */
import { RunnerError } from "../text/errors.ts";
import { btrfs } from "./btrfs.ts";
import { overlay, tmpfs } from "./layers.ts";
import { reflink } from "./reflink.ts";
import type { Storage, StorageHost, StorageKind } from "./storage.ts";

export const STORAGES = { btrfs, reflink, overlay, tmpfs } satisfies Record<StorageKind, Storage>;

/** Best first. `tmpfs` is only used when asked for. */
const AUTOMATIC: readonly Storage[] = [btrfs, reflink, overlay];

/**
 * The storage for a root directory: the one asked for, or the best that fits.
 * Throws a system error that says why none fits and what to do.
 */
export async function chooseStorage(
  host: StorageHost,
  request: { readonly directory: string; readonly kind: StorageKind | "auto" },
): Promise<Storage> {
  const candidates = request.kind === "auto" ? AUTOMATIC : [STORAGES[request.kind]];
  let unfit = { reason: "no storage is known", hint: "" };
  for (const storage of candidates) {
    const fit = await storage.probe(host, request.directory);
    if (fit.kind === "fits") {
      host.log.debug(`# storage: ${storage.kind}`);
      return storage;
    }
    host.log.debug(`# not ${storage.kind}: ${fit.reason}`);
    unfit = fit;
  }
  throw new RunnerError({
    kind: "system",
    message: `Cannot clone images in "${request.directory}": ${unfit.reason}.`,
    hints: [unfit.hint],
  });
}
