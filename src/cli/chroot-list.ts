/** `chroot-list [--json]`. */
import Table from "cli-table3";
import { readConfig } from "../config/config.ts";
import { describeImages } from "../image/describe-images.ts";
import { formatAge, formatSize } from "../text/sizes.ts";
import type { Action } from "./context.ts";
import { openImageStore } from "./image-store.ts";

const BORDERLESS = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  left: "",
  "left-mid": "",
  mid: "",
  "mid-mid": "",
  right: "",
  "right-mid": "",
  middle: "  ",
};

export const chrootListAction: Action<[{ json?: boolean }]> = async ({ host }, options) => {
  const images = await describeImages(host, await openImageStore(host, readConfig(host)));
  if (options.json) {
    host.print(`${JSON.stringify(images, undefined, 2)}\n`);
    return "success";
  }
  if (images.length === 0) {
    host.log.info('There are no images yet. Create one: "nspawn-runner chroot-create trixie".');
    return "success";
  }
  const table = new Table({
    head: ["NAME", "STORAGE", "SIZE", "AGE", "IN USE BY"],
    chars: BORDERLESS,
    style: { "padding-left": 0, "padding-right": 0, head: [], border: [] },
  });
  const now = host.clock.nowMs();
  for (const image of images) {
    const age = formatAge(now - Date.parse(image.changed));
    table.push([
      image.name,
      image.storage,
      formatSize(image.sizeBytes),
      age,
      image.inUseBy.join(", ") || "-",
    ]);
  }
  const lines = table.toString().split("\n");
  host.print(`${lines.map((line) => line.trimEnd()).join("\n")}\n`);
  return "success";
};
