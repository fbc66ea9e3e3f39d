/** `policy`: what this host would decide of a job, and why. Looks, changes nothing. */
import type { Config } from "../config/config.ts";
import type { Host } from "../host/host.ts";
import { probeImage, resolveAlias } from "../image/find-image.ts";
import { requireManifest } from "../image/generations/manifest.ts";
import type { MachineLimits } from "../machine/machine-limits.ts";
import { explainDecision } from "../policy/explain.ts";
import type { DiskKeeper } from "../policy/grant.ts";
import type { JobIdentity } from "../policy/job-identity.ts";
import { NO_WISHES, parseJobWishes } from "../policy/job-wishes.ts";
import { chooseStorage } from "../storage/detect.ts";
import { parseImageName } from "../text/names.ts";
import { decideJob } from "./decide-job.ts";
import { probeDisk } from "./probe-disk.ts";

export async function explainPolicy(
  host: Host,
  config: Config,
  job: {
    readonly identity: JobIdentity;
    readonly image: string;
    readonly variable: (name: string) => string | undefined;
  },
): Promise<string> {
  const asked = parseImageName(job.image);
  const image = parseImageName(resolveAlias(host, config.rootDirectory, asked));
  const subject = { identity: job.identity, images: [asked, image] };
  const tree = probeImage(host, config.rootDirectory, image)?.tree;
  if (tree === undefined)
    host.log.warn(`There is no image "${image}" yet: its own limits are not known.`);
  const imageLimits: MachineLimits =
    tree === undefined ? {} : (requireManifest(host, tree)?.settings.limits ?? {});
  return explainDecision(subject, decideJob(host, config, { ...subject, imageLimits }), {
    wishes: () => {
      const wishes = parseJobWishes(job.variable);
      // As prepare: whether a job asks for too much, its image has a say in.
      return tree === undefined ? NO_WISHES : wishes;
    },
    keeper: await findKeeper(host, config),
  });
}

/** Nothing before there is a root directory. */
async function findKeeper(host: Host, config: Config): Promise<DiskKeeper | undefined> {
  const { rootDirectory } = config;
  if (host.files.probe(rootDirectory) === undefined) return undefined;
  const storage = await chooseStorage(host, { directory: rootDirectory, kind: config.storage });
  return probeDisk(host, { rootDirectory, storage });
}
