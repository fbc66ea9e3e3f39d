/** The `prepare` stage: from the job's request to a machine that takes scripts. */
import { buildLimits, definitionDirectories, jobNetwork } from "../config/choices.ts";
import type { Config } from "../config/config.ts";
import type { Host } from "../host/host.ts";
import type { ImageStore } from "../image/draft.ts";
import { findImage, hasSystemd, type Image, probeImage } from "../image/find-image.ts";
import { readManifest } from "../image/generations/manifest.ts";
import { imageLock } from "../image/image-lock.ts";
import { ensureOwnTree } from "../image/own-tree.ts";
import type { ExtendedImage } from "../image/packages/extend-image.ts";
import { PACKAGES_VARIABLE, parsePackageRequest } from "../image/packages/package-request.ts";
import { createMachine, type MachineRequest, planFromTree } from "../machine/create-machine.ts";
import { findIdRange } from "../machine/id-range.ts";
import { collectGarbage } from "../machine/machine-list.ts";
import { machinePaths } from "../machine/machine-paths.ts";
import type { MachinePlan } from "../machine/machine-plan.ts";
import { PLAIN_SETTINGS } from "../machine/machine-settings.ts";
import { destroyMachine } from "../machine/release.ts";
import { findNetwork } from "../network/connect-machine.ts";
import { chooseStorage } from "../storage/detect.ts";
import type { StorageKind } from "../storage/storage.ts";
import { RunnerError } from "../text/errors.ts";
import { isImageName, type MachineName } from "../text/names.ts";
import {
  findGitlabRunner,
  findOwnUnit,
  requireRootDirectory,
  requireUsableHost,
} from "./host-facts.ts";

export interface PrepareRequest {
  readonly name: MachineName;
  /** What the job asks for; nothing where it names none. */
  readonly image: string | undefined;
  readonly defaultImage: string | undefined;
  readonly jobId: string;
  readonly timeoutSeconds: number | undefined;
  /** Packages that the job wants besides, as it wrote them. */
  readonly packages: string | undefined;
}

/**
 * Clones, boots and waits until the machine is ready. First removes what an earlier try left; what
 * fails or is cancelled leaves nothing behind.
 */
export async function prepareJob(
  host: Host,
  config: Config,
  request: PrepareRequest,
): Promise<void> {
  const startedAt = host.clock.nowMs();
  await requireUsableHost(host);
  requireRootDirectory(host, config.rootDirectory);
  if (host.files.probe(machinePaths(request.name).runtime) !== undefined) {
    await destroyMachine(host, request.name);
  }
  const { rootDirectory } = config;
  const name = chooseImage(request, config);
  const storage = await chooseStorage(host, { directory: rootDirectory, kind: config.storage });
  const store = { rootDirectory, storage };
  const image = await findOrBuildImage(host, config, store, name);
  await collectGarbage(host, { rootDirectory, storage: storage.kind });
  await ensureOwnTree(host, store, image);
  const plan = await startFromImage(host, config, { request, image, store });
  const seconds = ((host.clock.nowMs() - startedAt) / 1000).toFixed(2);
  const what = plan.boots ? "booted" : "started";
  host.log.info(`Machine of image "${image.name}" (${storage.kind}) ${what} in ${seconds} s.`);
}

export interface JobPlan {
  readonly image: string;
  readonly storage: StorageKind;
  readonly machine: MachinePlan;
}

/** The machine that `prepareJob` would start, if nobody takes its ids first. Changes nothing. */
export async function planJob(
  host: Host,
  config: Config,
  request: PrepareRequest,
): Promise<JobPlan> {
  await requireUsableHost(host);
  const { rootDirectory } = config;
  requireRootDirectory(host, rootDirectory);
  const image = findImage(host, rootDirectory, chooseImage(request, config));
  const storage = await chooseStorage(host, { directory: rootDirectory, kind: config.storage });
  const store = { rootDirectory, storage };
  const wanted = machineRequest(host, config, { request, image, store });
  return {
    image: image.name,
    storage: storage.kind,
    machine: planFromTree(host, wanted, {
      idShift: findIdRange(host),
      network: findNetwork(host, wanted.network),
    }),
  };
}

/** One that is declared and missing is built. What can do that is loaded only then. */
async function findOrBuildImage(
  host: Host,
  config: Config,
  store: ImageStore,
  text: string,
): Promise<Image> {
  const known = isImageName(text) ? probeImage(host, store.rootDirectory, text) : undefined;
  if (known === undefined && config.buildMissing && isImageName(text)) {
    const { buildMissingImage } = await import("../image/maintenance/build-missing.ts");
    await buildMissingImage(host, store, {
      name: text,
      directories: definitionDirectories(config),
      limits: buildLimits(config),
    });
  }
  return findImage(host, store.rootDirectory, text);
}

/** The image of the job, else of the command line, else of the configuration. */
export function chooseImage(
  request: Pick<PrepareRequest, "image" | "defaultImage">,
  config: Pick<Config, "defaultImage" | "path">,
): string {
  const image = request.image ?? request.defaultImage ?? config.defaultImage;
  if (image !== undefined) return image;
  throw new RunnerError({
    kind: "job",
    message: "The job names no image, and there is no default one.",
    hints: [
      'Add "image: NAME" to the job.',
      `Or, on the host, set default_image in "${config.path}", or --default-image in prepare_args.`,
    ],
  });
}

async function startFromImage(
  host: Host,
  config: Config,
  parts: { request: PrepareRequest; image: Image; store: ImageStore },
): Promise<MachinePlan> {
  const { request, store } = parts;
  using extended = await addPackages(host, config, { request, base: parts.image, store });
  // Nobody exchanges the image's tree between our look at it and our clone of it.
  using _lock = imageLock(host, store.rootDirectory, parts.image.name, "shared");
  const image = extended?.image ?? findImage(host, store.rootDirectory, parts.image.name);
  // Awaited here: the locks are held until the machine runs.
  return await createMachine(host, machineRequest(host, config, { request, image, store }));
}

function machineRequest(
  host: Host,
  config: Config,
  parts: { request: PrepareRequest; image: Image; store: ImageStore },
): MachineRequest {
  const { request, image, store } = parts;
  return {
    name: request.name,
    rootDirectory: store.rootDirectory,
    storage: store.storage,
    image: image.name,
    source: image,
    root: "clone",
    boots: hasSystemd(host, image.tree),
    settings: readManifest(host, image.tree)?.settings ?? PLAIN_SETTINGS,
    network: jobNetwork(config),
    jobId: request.jobId,
    bootTimeoutSeconds: config.bootTimeoutSeconds,
    jobTimeoutSeconds: request.timeoutSeconds,
    memoryBytes: config.tmpfsBytes,
    gitlabRunner: findGitlabRunner(host, config.gitlabRunner),
    boundTo: findOwnUnit(host),
  };
}

/** The image with the packages that the job asks for; nothing when it asks for none. */
async function addPackages(
  host: Host,
  config: Config,
  parts: { request: PrepareRequest; base: Image; store: ImageStore },
): Promise<ExtendedImage | undefined> {
  const packages = parsePackageRequest(parts.request.packages);
  if (packages === undefined) return undefined;
  const keep = config.jobPackages;
  if (keep === undefined) {
    throw new RunnerError({
      kind: "job",
      message: `Jobs may not add packages to images on this host (${PACKAGES_VARIABLE}).`,
      hints: ["Install them in the job, or ask for an image that has them."],
    });
  }
  const { extendImage } = await import("../image/packages/extend-image.ts");
  const { base, store } = parts;
  return extendImage(host, store, { base, packages, limits: buildLimits(config), keep });
}
