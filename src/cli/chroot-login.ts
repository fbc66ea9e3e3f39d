/** `chroot-login NAME [-- CMD]`. */
import { readConfig } from "../config/config.ts";
import { loginImage } from "../image/login-image.ts";
import type { Action } from "./context.ts";
import { openImageStore } from "./image-store.ts";

export const chrootLoginAction: Action<[string, string[]]> = async ({ host }, name, command) => {
  const store = await openImageStore(host, readConfig(host));
  return { kind: "code", code: await loginImage(host, store, { name, command }) };
};
