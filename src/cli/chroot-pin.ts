/** `chroot-pin NAME [VERSION] [--remove]`. */
import { readConfig } from "../config/config.ts";
import { setPin } from "../image/generations/change-generations.ts";
import type { Action } from "./context.ts";
import { openImageStore } from "./image-store.ts";

export const chrootPinAction: Action<[string, string | undefined, { remove?: boolean }]> = async (
  { host },
  image,
  version,
  options,
) => {
  const store = await openImageStore(host, await readConfig(host));
  const pinned = options.remove !== true;
  const chosen = await setPin(host, store, { image, version, pinned });
  host.log.info(
    pinned
      ? `Generation "${chosen}" of image "${image}" stays; while it is the current one, maintenance leaves the image alone.`
      : `Generation "${chosen}" of image "${image}" is not pinned any more.`,
  );
  return "success";
};
