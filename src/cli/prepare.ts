/** `prepare`. */
import { readConfig } from "../config/config.ts";
import { PACKAGES_VARIABLE } from "../image/packages/package-request.ts";
import { readJobRequest } from "../job/job-request.ts";
import { prepareJob } from "../job/prepare-job.ts";
import type { Action } from "./context.ts";
import { requireMachineName } from "./machine-name.ts";

export const prepareAction: Action<
  [string | undefined, { id?: string; defaultImage?: string; packages?: string }]
> = async ({ host }, image, options) => {
  const name = requireMachineName(host, options.id);
  const request = readJobRequest(host);
  const jobId = request?.jobId ?? "0";
  host.log.setFields({ JOB: jobId, MACHINE: name });
  await prepareJob(host, readConfig(host), {
    name,
    image: image ?? request?.image,
    defaultImage: options.defaultImage,
    jobId,
    timeoutSeconds: request?.timeoutSeconds,
    packages: options.packages ?? host.environment[`CUSTOM_ENV_${PACKAGES_VARIABLE}`],
  });
  return "success";
};
