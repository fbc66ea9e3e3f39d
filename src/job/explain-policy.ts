/** `policy`: what this host would decide of a job, and why. Looks, changes nothing. */
import type { Config } from "../config/config.ts";
import type { Host } from "../host/host.ts";
import { probeImage, resolveAlias } from "../image/find-image.ts";
import { requireManifest } from "../image/generations/manifest.ts";
import type { MachineLimits } from "../machine/machine-limits.ts";
import { explainDecision } from "../policy/explain.ts";
import type { JobIdentity } from "../policy/job-identity.ts";
import { NO_WISHES, parseJobWishes } from "../policy/job-wishes.ts";
import { parseImageName } from "../text/names.ts";
import { decideJob } from "./decide-job.ts";

export function explainPolicy(
  host: Host,
  config: Config,
  job: {
    readonly identity: JobIdentity;
    readonly image: string;
    readonly variable: (name: string) => string | undefined;
  },
): string {
  const asked = parseImageName(job.image);
  const image = parseImageName(resolveAlias(host, config.rootDirectory, asked));
  const subject = { identity: job.identity, images: [asked, image] };
  const tree = probeImage(host, config.rootDirectory, image)?.tree;
  if (tree === undefined)
    host.log.warn(`There is no image "${image}" yet: its own limits are not known.`);
  const imageLimits: MachineLimits =
    tree === undefined ? {} : (requireManifest(host, tree)?.settings.limits ?? {});
  return explainDecision(subject, decideJob(host, config, { ...subject, imageLimits }), () => {
    const wishes = parseJobWishes(job.variable);
    // As prepare: whether a job asks for too much, its image has a say in.
    return tree === undefined ? NO_WISHES : wishes;
  });
}
