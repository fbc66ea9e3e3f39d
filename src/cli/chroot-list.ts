/** `chroot-list [--json]`. */
import Table from "cli-table3";
import { type Config, readConfig } from "../config/config.ts";
import type { Host } from "../host/host.ts";
import { describeImages } from "../image/describe-images.ts";
import { chooseStorage } from "../storage/detect.ts";
import { RunnerError } from "../text/errors.ts";
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
  const config = readConfig(host);
  const isRoot = host.userId === 0;
  const store = isRoot ? await openImageStore(host, config) : await readOnlyStore(host, config);
  const images = await describeImages(host, store);
  if (!isRoot) {
    host.log.info("Only root sees which jobs use an image, and all that counts to its size.");
  }
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
