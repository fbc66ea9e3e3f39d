/** Makes what a job's machine needs first. What does that is loaded only when it is needed. */
import { buildLimits, definitionDirectories } from "../config/choices.ts";
import type { Config } from "../config/config.ts";
import type { Host } from "../host/host.ts";
import type { ImageStore } from "../image/draft.ts";
import { parseImageName } from "../text/names.ts";
import { unreachable } from "../text/unreachable.ts";
import type { Need } from "./plan-job.ts";

/** Resolves to what keeps it there, to be disposed of once the machine is cloned from it. */
export async function meetNeed(
  host: Host,
  config: Config,
  store: ImageStore,
  need: Need,
): Promise<Disposable> {
  const nothing: Disposable = { [Symbol.dispose]: () => {} };
  switch (need.kind) {
    case "image": {
      const { buildMissingImage } = await import("../image/maintenance/build-missing.ts");
      await buildMissingImage(host, store, {
        name: parseImageName(need.name),
        directories: definitionDirectories(config),
        limits: buildLimits(config),
      });
      return nothing;
    }
    case "own-tree": {
      const { ensureOwnTree } = await import("../image/own-tree.ts");
      await ensureOwnTree(host, store, need.image);
      return nothing;
    }
    case "packages": {
      const { extendImage } = await import("../image/packages/extend-image.ts");
      const { base, packages } = need;
      const keep = config.jobPackages ?? { count: 0, bytes: 0 };
      return extendImage(host, store, { base, packages, limits: buildLimits(config), keep });
    }
    default:
      return unreachable(need);
  }
}
