/** `chroot-create NAME [--suite S]`. */
import { readConfig } from "../config/config.ts";
import { createImage } from "../image/create-image.ts";
import { parseImageName } from "../text/names.ts";
import type { Action } from "./context.ts";
import { openImageStore } from "./image-store.ts";

export const chrootCreateAction: Action<[string, { suite?: string }]> = async (
  { host },
  text,
  options,
) => {
  const name = parseImageName(text);
  const store = await openImageStore(host, readConfig(host));
  await createImage(host, store, { name, suite: options.suite ?? name });
  return "success";
};
