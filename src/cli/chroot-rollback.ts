/** `chroot-rollback NAME [VERSION]`. */
import { readConfig } from "../config/config.ts";
import { rollBack } from "../image/generations/change-generations.ts";
import type { Action } from "./context.ts";
import { openImageStore } from "./image-store.ts";

export const chrootRollbackAction: Action<[string, string | undefined]> = async (
  { host },
  image,
  version,
) => {
  const store = await openImageStore(host, await readConfig(host));
  const chosen = await rollBack(host, store, { image, version });
  host.log.info(`New jobs of image "${image}" get generation "${chosen}".`);
  host.log.info(
    `Maintenance builds upon it; to keep it as it is, pin it: nspawn-runner chroot-pin ${image}`,
  );
  return "success";
};
