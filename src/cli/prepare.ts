/** `prepare`. */
import { readConfig } from "../config/config.ts";
import { PACKAGES_VARIABLE } from "../image/packages/package-request.ts";
import { newMachineName } from "../job/config-stage.ts";
import type { PrepareRequest } from "../job/gather-job.ts";
import { readJobRequest } from "../job/job-request.ts";
import { prepareJob } from "../job/prepare-job.ts";
import { parseJobWishes } from "../policy/job-wishes.ts";
import type { Action } from "./context.ts";
import { optionalMachineName, requireMachineName } from "./machine-name.ts";

interface PrepareOptions {
  readonly id?: string;
  readonly defaultImage?: string;
  readonly dryRun?: boolean;
  readonly packages?: string;
}

export const prepareAction: Action<[string | undefined, PrepareOptions]> = async (
  { host },
  image,
  options,
) => {
  const asked = readJobRequest(host);
  host.log.hide(asked?.secrets ?? []);
  const jobId = asked?.jobId ?? "0";
  const name = options.dryRun
    ? (optionalMachineName(host, options.id) ?? newMachineName(host, { jobId }))
    : requireMachineName(host, options.id);
  host.log.setFields({ JOB: jobId, MACHINE: name });
  const variable = (key: string): string | undefined => host.environment[`CUSTOM_ENV_${key}`];
  const request: PrepareRequest = {
    name,
    image: image ?? asked?.image,
    defaultImage: options.defaultImage,
    jobId,
    timeoutSeconds: asked?.timeoutSeconds,
    features: asked?.features,
    packages: options.packages ?? variable(PACKAGES_VARIABLE),
    gitlabUrl: asked?.repositoryUrl,
    identity: asked?.identity ?? { kind: "person" },
    wishes: parseJobWishes(variable),
  };
  if (options.dryRun) {
    const { previewJob } = await import("../job/preview-job.ts");
    host.print(await previewJob(host, await readConfig(host), request));
  } else await prepareJob(host, await readConfig(host), request);
  return "success";
};
