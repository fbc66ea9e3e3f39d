/** All that is known of a job's machine before it is planned. Looks, changes nothing. */
import { definitionDirectories, jobNetwork } from "../config/choices.ts";
import type { Config } from "../config/config.ts";
import type { Host } from "../host/host.ts";
import type { ImageStore } from "../image/draft.ts";
import {
  findImage,
  hasSystemd,
  type Image,
  probeImage,
  resolveAlias,
} from "../image/find-image.ts";
import { requireManifest } from "../image/generations/manifest.ts";
import { wantsOwnTree } from "../image/movable-tree.ts";
import { findExtended } from "../image/packages/extended-images.ts";
import {
  PACKAGES_VARIABLE,
  type PackageRequest,
  parsePackageRequest,
} from "../image/packages/package-request.ts";
import { requireRootDirectory } from "../image/root-directory.ts";
import { type MachineSettings, PLAIN_SETTINGS } from "../machine/machine-settings.ts";
import { findOwner, type Owner } from "../machine/owner.ts";
import type { NetworkRequest } from "../network/network-request.ts";
import { type Grant, grantJob } from "../policy/grant.ts";
import type { JobIdentity } from "../policy/job-identity.ts";
import { type JobWishes, NO_WISHES } from "../policy/job-wishes.ts";
import { chooseStorage } from "../storage/detect.ts";
import { RunnerError } from "../text/errors.ts";
import { isImageName, type MachineName } from "../text/names.ts";
import { decideJob } from "./decide-job.ts";
import { findGitlab } from "./gitlab-places.ts";
import { findGitlabRunner, requireUsableHost } from "./host-facts.ts";
import type { JobFeatures } from "./job-features.ts";
import { probeDisk } from "./probe-disk.ts";

export interface PrepareRequest {
  readonly name: MachineName;
  /** What the job asks for; nothing where it names none. */
  readonly image: string | undefined;
  readonly defaultImage: string | undefined;
  readonly jobId: string;
  readonly timeoutSeconds: number | undefined;
  /** Nothing when a person has called. */
  readonly features: JobFeatures | undefined;
  /** Packages that the job wants besides, as it wrote them. */
  readonly packages: string | undefined;
  readonly identity: JobIdentity;
  /** Where GitLab says that the job's repository is. */
  readonly gitlabUrl: string | undefined;
  readonly wishes: JobWishes;
}

export interface JobFacts {
  readonly request: PrepareRequest;
  readonly store: ImageStore;
  /** The image that the job, or else the administrator, named: by its name on the disk. */
  readonly imageName: string;
  /** Nothing when it is declared, and was not built yet. */
  readonly image: FoundImage | undefined;
  readonly packages: WantedPackages | undefined;
  readonly grant: Grant;
  readonly network: NetworkRequest;
  readonly bootTimeoutSeconds: number;
  readonly memoryBytes: number;
  readonly gitlabRunner: string | undefined;
  readonly owner: Owner | undefined;
}

export interface FoundImage {
  readonly image: Image;
  /** See `image/movable-tree.ts`. */
  readonly wantsOwnTree: boolean;
  readonly boots: boolean;
  readonly settings: MachineSettings;
}

interface WantedPackages {
  readonly names: PackageRequest;
  /** The image with them; nothing when they are not installed yet. */
  readonly extended: FoundImage | undefined;
}

/**
 * Throws a job error for what only the job's author can mend, a system error for what the
 * administrator can.
 */
export async function gatherJob(
  host: Host,
  config: Config,
  request: PrepareRequest,
): Promise<JobFacts> {
  await requireUsableHost(host);
  const { rootDirectory } = config;
  requireRootDirectory(host, rootDirectory);
  // An alias of an image that was not built yet is one that can be built.
  const chosen = chooseImage(request, config);
  const imageName = resolveAlias(host, rootDirectory, chosen);
  const names = parsePackageRequest(request.packages);
  if (names !== undefined && config.jobPackages === undefined) throw packagesRefused();
  const storage = await chooseStorage(host, { directory: rootDirectory, kind: config.storage });
  const store = { rootDirectory, storage };
  const image = (await isToBeBuilt(host, config, imageName))
    ? undefined
    : findAsked(host, { config, request, name: chosen });
  const found = image && describe(host, store, image);
  const { terms } = decideJob(host, config, {
    identity: request.identity,
    images: [chosen, imageName],
    imageLimits: found?.settings.limits ?? {},
  });
  // Refused before its image is built; whether it asks for too much, its image has a say in.
  const wishes = found === undefined ? NO_WISHES : request.wishes;
  const grant = grantJob(terms, wishes, probeDisk(host, store));
  requireDevices(host, grant);
  return {
    request,
    store,
    imageName,
    image: found,
    grant,
    packages: names && { names, extended: describeExtended(host, store, image, names) },
    network: jobNetwork(config, grant.network, await findGitlab(host, request.gitlabUrl)),
    bootTimeoutSeconds: config.bootTimeoutSeconds,
    memoryBytes: config.tmpfsBytes,
    gitlabRunner: findGitlabRunner(host, config.gitlabRunner),
    owner: findOwner(host),
  };
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

/** Else nspawn would not start, and name no rule. */
function requireDevices(host: Pick<Host, "files">, { loosening, lines }: Grant): void {
  const missing = loosening.devices.find((path) => host.files.probe(path) === undefined);
  if (missing === undefined) return;
  throw new RunnerError({
    kind: "system",
    message: `The job's machine is to have the device "${missing}", which this host has not.`,
    hints: [...lines.slice(-1), "Mend that rule, or load the kernel module that makes the device."],
  });
}

/** Throws a job error when it is not there and the job has asked for it, else a system error. */
function findAsked(
  host: Host,
  {
    config,
    request,
    name,
  }: { readonly config: Config; readonly request: PrepareRequest; readonly name: string },
): Image {
  try {
    return findImage(host, config.rootDirectory, name);
  } catch (error) {
    if (!(error instanceof RunnerError) || request.image !== undefined) throw error;
    throw new RunnerError({
      kind: "system",
      message: "Cannot use the default image of jobs that name none.",
      hints: [
        request.defaultImage === undefined
          ? `Mend default_image in "${config.path}".`
          : "Mend --default-image in prepare_args of GitLab Runner's config.toml.",
        ...error.hints,
      ],
      cause: error,
    });
  }
}

/** Whether it is declared and missing. What knows the declarations is loaded only then. */
async function isToBeBuilt(host: Host, config: Config, text: string): Promise<boolean> {
  if (!config.buildMissing || !isImageName(text)) return false;
  if (probeImage(host, config.rootDirectory, text) !== undefined) return false;
  const { isDeclared } = await import("../image/maintenance/build-missing.ts");
  return isDeclared(host, text, definitionDirectories(config));
}

function describe(host: Host, store: ImageStore, image: Image): FoundImage {
  return {
    image,
    wantsOwnTree: wantsOwnTree(host, store, image),
    boots: hasSystemd(host, image.tree),
    settings: requireManifest(host, image.tree)?.settings ?? PLAIN_SETTINGS,
  };
}

function describeExtended(
  host: Host,
  store: ImageStore,
  base: Image | undefined,
  names: PackageRequest,
): FoundImage | undefined {
  const extended = base && findExtended(host, store, { base, packages: names });
  return extended && describe(host, store, extended);
}

function packagesRefused(): RunnerError {
  return new RunnerError({
    kind: "job",
    message: `Jobs may not add packages to images on this host (${PACKAGES_VARIABLE}).`,
    hints: ["Install them in the job, or ask for an image that has them."],
  });
}
