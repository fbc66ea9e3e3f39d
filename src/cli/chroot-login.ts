/** `chroot-login NAME [-- CMD]`. */
import { buildLimits } from "../config/choices.ts";
import { readConfig } from "../config/config.ts";
import { loginImage } from "../image/login-image.ts";
import type { Action } from "./context.ts";
import { openImageStore } from "./image-store.ts";

interface LoginOptions {
  readonly discard?: boolean;
  readonly readOnly?: boolean;
}

export const chrootLoginAction: Action<[string, string[], LoginOptions]> = async (
  { host },
  name,
  command,
  options,
) => {
  const config = await readConfig(host);
  const store = await openImageStore(host, config);
  const mode = options.readOnly ? "read-only" : options.discard ? "discard" : "publish";
  const request = { name, command, mode, limits: buildLimits(config) } as const;
  return { kind: "code", code: await loginImage(host, store, request) };
};
