/** `gc`: removes what machines left that died with their driver. */
import { privateNetwork } from "../config/choices.ts";
import { readConfig } from "../config/config.ts";
import { tidyImages } from "../image/tidy.ts";
import { collectGarbage } from "../machine/machine-list.ts";
import { restoreFirewall } from "../network/ensure-firewall.ts";
import { listKept } from "../storage/empty-trash.ts";
import { startDeleter } from "../storage/trash.ts";
import { onlyWarn } from "../text/only-warn.ts";
import type { Action } from "./context.ts";
import { openImageStore } from "./image-store.ts";

export const gcAction: Action<[]> = async ({ host }) => {
  const config = readConfig(host);
  // First: until then, machines that live may reach what they must not.
  const restored = await onlyWarn(host.log, "restore the firewall of machines' networks", () =>
    restoreFirewall(host, privateNetwork(config)),
  );
  const store = await openImageStore(host, config);
  const { rootDirectory } = store;
  const { removed, kept } = await collectGarbage(host, { rootDirectory });
  await tidyImages(host, store, config.jobPackages ?? { count: 0, bytes: 0 });
  await startDeleter(host, rootDirectory);
  for (const { path, reason } of listKept(host, rootDirectory)) {
    host.log.info(`"${path}" cannot be deleted. ${reason}`);
  }
  for (const name of removed) host.log.info(`Removed what was left of machine "${name}".`);
  return restored && kept.length === 0 ? "success" : "system";
};
