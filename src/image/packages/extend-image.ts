/**
 * An image with packages that a job asks for: the first job pays for the installation, all later
 * ones get its result by a clone. Nothing of a project goes into it, so projects share it.
 */
import type { Host } from "../../host/host.ts";
import { PLAIN_SETTINGS } from "../../machine/machine-settings.ts";
import { RunnerError } from "../../text/errors.ts";
import type { TreeId } from "../../text/names.ts";
import { onlyWarn } from "../../text/only-warn.ts";
import type { BuildLimits } from "../build/build-image.ts";
import { openBuildLog } from "../build/build-log.ts";
import { withBuildMachine } from "../build/build-machine.ts";
import { sealImage } from "../build/seal-image.ts";
import { awaitChangeLock } from "../change-lock.ts";
import { copySameTree } from "../copy-image.ts";
import { type ImageStore, openDraft, writeToDisk, writtenAway } from "../draft.ts";
import { hasSystemd, type Image } from "../find-image.ts";
import { requireManifest, writeManifest } from "../generations/manifest.ts";
import { newVersion } from "../generations/publish.ts";
import { ensureTreeId } from "../tree-id.ts";
import { treeLock } from "../tree-lock.ts";
import { extendedDirectory } from "../tree-places.ts";
import { treeSize } from "../tree-size.ts";
import {
  dropLocks,
  extendedKey,
  extendedLock,
  forgetExtended,
  placeExtended,
  probeExtended,
  requireReplaceable,
} from "./extended-images.ts";
import { noteUse, writeUse } from "./extended-use.ts";
import type { ExtendedLimits } from "./forget.ts";
import type { PackageRequest } from "./package-request.ts";

export interface ExtendRequest {
  readonly base: Image;
  readonly packages: PackageRequest;
  readonly limits: BuildLimits;
  readonly keep: ExtendedLimits;
}

const LAST_LINES = 6;

export interface ExtendedImage extends Disposable {
  readonly image: Image;
}

/**
 * The image to clone from, which stays until it is disposed of. Installs what is missing, once for
 * all who ask. Throws a job error when the package manager refuses a package, a system error when it
 * cannot reach its repository.
 */
export async function extendImage(
  host: Host,
  store: ImageStore,
  request: ExtendRequest,
): Promise<ExtendedImage> {
  const { base, packages } = request;
  const { rootDirectory } = store;
  const baseId = await ensureTreeId(host, { rootDirectory, tree: base.tree });
  const key = extendedKey(base.name, baseId, packages);
  const wanted = { name: base.name, key };
  const draftName = extendedLock(key);
  using held = new DisposableStack();
  held.use(await treeLock(host, store.rootDirectory, draftName, "shared"));
  const ready = (): ExtendedImage | undefined => {
    const image = probeExtended(host, store, wanted);
    if (image === undefined) return undefined;
    noteUse(host, image.tree, baseId);
    const kept = held.move();
    return { image, [Symbol.dispose]: () => kept.dispose() };
  };
  const found = ready();
  if (found !== undefined) return found;
  using _lock = await awaitChangeLock(host, store.rootDirectory, draftName, (by) =>
    host.log.info(`Waiting for ${by}, which installs the same packages.`),
  );
  const meanwhile = ready();
  if (meanwhile !== undefined) return meanwhile;
  requireReplaceable(host, store, key);
  host.log.info(
    `Adding ${packages.join(", ")} to image "${base.name}", once; later jobs get it at once.`,
  );
  try {
    await install(host, store, { ...request, key, baseId, draftName });
  } catch (error) {
    held.dispose();
    await onlyWarn(host.log, `remove the locks of "${key}"`, async () =>
      dropLocks(host, store, key),
    );
    throw error;
  }
  const made = ready();
  if (made === undefined) throw new Error(`the extended image "${key}" is not there`);
  return made;
}

async function install(
  host: Host,
  store: ImageStore,
  request: ExtendRequest & {
    readonly key: string;
    readonly baseId: TreeId;
    readonly draftName: string;
  },
): Promise<void> {
  const { base, baseId, packages, limits, key } = request;
  const log = openBuildLog(host, {
    rootDirectory: store.rootDirectory,
    // Not among the logs of the image itself, of which only the newest few are kept.
    name: `${base.name}.packages`,
    version: newVersion(host),
  });
  await using draft = await openDraft(host, store, request.draftName);
  await copySameTree(host, store, { image: base, id: baseId, tree: draft.tree });
  const machine = { image: base.name, draft, log, ...limits };
  const startedAt = host.clock.elapsedMs();
  await withBuildMachine(
    host,
    store,
    {
      ...machine,
      root: "tree",
      boots: hasSystemd(host, draft.tree),
      settings: { ...PLAIN_SETTINGS, limits: limits.machine },
    },
    async (running) => {
      await running.call("Reading the lists of packages", ["refresh_packages"]);
      const code = await running.attempt(["add_packages", ...packages]);
      if (code !== 0) throw refusedPackages(base, packages, log.lastLines(LAST_LINES));
    },
  );
  const before = requireManifest(host, base.tree);
  const user = before?.settings.user?.name;
  const description = await sealImage(host, store, { ...machine, user });
  const directory = extendedDirectory(store.rootDirectory);
  host.files.ensureDirectory(directory, 0o700);
  const sizeBytes = await treeSize(host, draft.tree);
  const shared = store.storage.traits.copyOnWrite ? await treeSize(host, base.tree) : 0;
  await forgetExtended(host, store, { ...request.keep, count: request.keep.count - 1 });
  const addedBytes = Math.max(0, sizeBytes - shared);
  writeUse(host, draft.tree, { image: base.name, base: baseId, addedBytes });
  writeManifest(host, draft.tree, {
    image: base.name,
    id: draft.id,
    version: key,
    origin: "packages",
    builtAt: new Date(host.clock.nowMs()).toISOString(),
    buildSeconds: Math.round((host.clock.elapsedMs() - startedAt) / 1000),
    sizeBytes,
    packages: { ...description.packages },
    settings: { ...(before?.settings ?? PLAIN_SETTINGS), user: description.user },
    keep: before?.keep ?? { count: 0, days: 0 },
    log: log.path,
  });
  await writeToDisk(host, draft);
  await placeExtended(host, store, { key, draftTree: draft.tree });
  draft.published();
  await writtenAway(host, directory);
}

function refusedPackages(
  base: Image,
  packages: PackageRequest,
  words: readonly string[],
): RunnerError {
  return new RunnerError({
    kind: "job",
    message: `Cannot add ${packages.join(", ")} to image "${base.name}".`,
    hints: ["Are these the names of packages in the image's distribution?"],
    cause: new Error(words.join("\n     ")),
  });
}
