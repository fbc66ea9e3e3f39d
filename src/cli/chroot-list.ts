/** `chroot-list [NAME…] [--generations] [--json]`. */
import { type Config, readConfig } from "../config/config.ts";
import type { Host } from "../host/host.ts";
import { describeImages, type ImageDescription } from "../image/describe-images.ts";
import { chooseStorage } from "../storage/detect.ts";
import { RunnerError } from "../text/errors.ts";
import { formatAge, formatSize } from "../text/sizes.ts";
import { formatTable } from "./borderless-table.ts";
import type { Action } from "./context.ts";
import { declaredImages } from "./declared-images.ts";
import { openImageStore } from "./image-store.ts";

export const chrootListAction: Action<
  [string[], { json?: boolean; generations?: boolean }]
> = async ({ host }, names, options) => {
  const config = readConfig(host);
  const isRoot = host.userId === 0;
  const store = isRoot ? await openImageStore(host, config) : await readOnlyStore(host, config);
  const all = await describeImages(host, store, declaredImages(host, config));
  if (!isRoot) {
    host.log.info("Only root sees which jobs use an image, and all that counts to its size.");
  }
  const images = names.length === 0 ? all : all.filter((image) => names.includes(image.name));
  if (options.json) host.print(`${JSON.stringify(images, undefined, 2)}\n`);
  else if (images.length === 0) {
    host.log.info('There are no such images. Create one: "nspawn-runner chroot-create trixie".');
  } else {
    const now = host.clock.nowMs();
    const one = options.generations === true || names.length > 0;
    host.print(one ? generationTable(images, now) : imageTable(images, now));
  }
  return "success";
};

function imageTable(images: readonly ImageDescription[], nowMs: number): string {
  return formatTable(
    ["NAME", "STORAGE", "SIZE", "AGE", "IN USE BY", "FROM"],
    images.map((image) => [
      image.name,
      image.storage,
      formatSize(image.sizeBytes),
      formatAge(nowMs - Date.parse(image.changed)),
      image.inUseBy.join(", ") || "-",
      image.definition ?? (image.orphan ? "orphan: its definition is gone" : "-"),
    ]),
  );
}

function generationTable(images: readonly ImageDescription[], nowMs: number): string {
  return formatTable(
    ["NAME", "GENERATION", "SIZE", "AGE", "IN USE BY", "IS"],
    images.flatMap((image) =>
      image.generations.map((one) => [
        image.name,
        one.version,
        formatSize(one.sizeBytes),
        formatAge(nowMs - Date.parse(one.builtAt)),
        one.inUseBy.join(", ") || "-",
        [one.current ? "current" : "", one.pinned ? "pinned" : ""].filter(Boolean).join(", ") ||
          "-",
      ]),
    ),
  );
}

/** Some storages can only be told by trying them out, which takes the right to write. */
async function readOnlyStore(host: Host, { rootDirectory: directory, storage: kind }: Config) {
  try {
    const storage = await chooseStorage(host, { directory, kind });
    return { rootDirectory: directory, storage };
  } catch (error) {
    if (!(error instanceof RunnerError)) throw error;
    host.log.debug(`# ${error.message}`);
    return { rootDirectory: directory, storage: { kind } };
  }
}
