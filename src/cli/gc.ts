/** `gc`: removes what machines left that died with their driver. */
import { privateNetwork } from "../config/choices.ts";
import { readConfig } from "../config/config.ts";
import { removeStaleDrafts } from "../image/draft.ts";
import { emptyTrash, tidyGenerations } from "../image/generations/publish.ts";
import { forgetExtended } from "../image/packages/extended-images.ts";
import { collectGarbage } from "../machine/machine-list.ts";
import { restoreFirewall } from "../network/ensure-firewall.ts";
import type { Action } from "./context.ts";
import { openImageStore } from "./image-store.ts";

export const gcAction: Action<[]> = async ({ host }) => {
  const config = readConfig(host);
  const store = await openImageStore(host, config);
  const { rootDirectory, storage } = store;
  const { removed, kept } = await collectGarbage(host, { rootDirectory, storage: storage.kind });
  await removeStaleDrafts(host, store);
  await emptyTrash(host, store);
  await tidyGenerations(host, store);
  await forgetExtended(host, store, config.jobPackages ?? { count: 0, bytes: 0 });
  await restoreFirewall(host, privateNetwork(config));
  for (const name of removed) host.log.info(`Removed what was left of machine "${name}".`);
  return kept.length === 0 ? "success" : "system";
};
