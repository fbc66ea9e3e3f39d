/** `chroot-list [NAME…] [--generations] [--json]`. */
import { readConfig } from "../config/config.ts";
import { describeImages, type ImageDescription } from "../image/describe-images.ts";
import { formatJson } from "../text/escape.ts";
import { formatAge, formatSize } from "../text/sizes.ts";
import { formatTable } from "./borderless-table.ts";
import type { Action } from "./context.ts";
import { declaredImages } from "./declared-images.ts";
import { openImageStore } from "./image-store.ts";

export const chrootListAction: Action<
  [string[], { json?: boolean; generations?: boolean }]
> = async ({ host }, names, options) => {
  const config = await readConfig(host);
  const store = await openImageStore(host, config);
  const all = await describeImages(host, store, declaredImages(host, config));
  const images = names.length === 0 ? all : all.filter((image) => names.includes(image.name));
  if (options.json) host.print(formatJson(images));
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
