/** `chroot-remove NAME [VERSION]`. */
import { readConfig } from "../config/config.ts";
import { removeImage } from "../image/generations/change-generations.ts";
import type { Action } from "./context.ts";
import { openImageStore } from "./image-store.ts";

export const chrootRemoveAction: Action<[string, string | undefined]> = async (
  { host },
  image,
  version,
) => {
  const store = await openImageStore(host, readConfig(host));
  await removeImage(host, store, { image, version });
  const what = version === undefined ? `Image "${image}"` : `Generation "${version}" of "${image}"`;
  host.log.info(`${what} is removed.`);
  return "success";
};
