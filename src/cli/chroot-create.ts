/** `chroot-create NAME [--suite S]`. */
import { readConfig } from "../config/config.ts";
import { createImage } from "../image/create-image.ts";
import { parseImageName } from "../text/names.ts";
import { buildLimits } from "./build-limits.ts";
import type { Action } from "./context.ts";
import { openImageStore } from "./image-store.ts";

export const chrootCreateAction: Action<[string, { suite?: string }]> = async (
  { host },
  text,
  options,
) => {
  const name = parseImageName(text);
  const config = readConfig(host);
  const store = await openImageStore(host, config);
  host.log.info(`Creating image "${name}".`);
  await createImage(host, store, {
    name,
    suite: options.suite ?? name,
    limits: buildLimits(config),
    observer: {
      phase: (text) => host.log.info(`${text}.`),
      warn: (text) => host.log.warn(text),
      output: (bytes) => process.stderr.write(bytes),
    },
  });
  host.log.info(`Image "${name}" is ready: a job gets it with "image: ${name}".`);
  return "success";
};
