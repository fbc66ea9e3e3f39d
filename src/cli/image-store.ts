/** Where images are, for the commands that look at them or change them. */
import type { Config } from "../config/config.ts";
import type { Host } from "../host/host.ts";
import type { ImageStore } from "../image/draft.ts";
import { closeRootDirectory, ensureRootDirectory } from "../image/root-directory.ts";
import { chooseStorage } from "../storage/detect.ts";
import { RunnerError } from "../text/errors.ts";

/** Throws when we are not root: images belong to it. */
export async function openImageStore(host: Host, config: Config): Promise<ImageStore> {
  if (host.userId !== 0) {
    throw new RunnerError({
      kind: "usage",
      message: "Only root can look at images, or change them.",
      hints: ["Run the command with sudo."],
    });
  }
  const { rootDirectory } = config;
  ensureRootDirectory(host, rootDirectory);
  closeRootDirectory(host, rootDirectory);
  const storage = await chooseStorage(host, { directory: rootDirectory, kind: config.storage });
  return { rootDirectory, storage };
}
