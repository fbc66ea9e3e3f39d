/** `chroot-remove NAME [VERSION]`. */
import { readConfig } from "../config/config.ts";
import { type Removal, removeImage } from "../image/generations/change-generations.ts";
import { unreachable } from "../text/unreachable.ts";
import type { Action } from "./context.ts";
import { openImageStore } from "./image-store.ts";

export const chrootRemoveAction: Action<[string, string | undefined]> = async (
  { host },
  image,
  version,
) => {
  const store = await openImageStore(host, await readConfig(host));
  const removal = await removeImage(host, store, { image, version });
  host.log.info(describe(removal, { image, version }));
  return "success";
};

function describe(
  removal: Removal,
  { image, version }: { readonly image: string; readonly version: string | undefined },
): string {
  switch (removal.kind) {
    case "image":
      return `Image "${image}" is removed.`;
    case "generation":
      return `Generation "${version}" of "${image}" is removed.`;
    case "link":
      return `"${image}", a link to "${removal.target}", is removed; what it led to stays.`;
    default:
      return unreachable(removal);
  }
}
