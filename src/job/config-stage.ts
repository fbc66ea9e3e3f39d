/** The `config` stage: the JSON that GitLab Runner reads. */
import type { Config } from "../config/config.ts";
import type { Host } from "../host/host.ts";
import { hasBash, probeImage } from "../image/find-image.ts";
import { isImageName, type MachineName, parseMachineName } from "../text/names.ts";
import type { JobRequest } from "./job-request.ts";
import { MACHINE_VARIABLE } from "./machine-variable.ts";

/** Inside the machine; thrown away with it. */
const BUILDS_DIRECTORY = "/builds";
const CACHE_DIRECTORY = "/cache";
const RANDOM_LENGTH = 6;

/**
 * A machine name of its own for every preparation: a name used again at once fails about every
 * second time (DESIGN §10), and two GitLab servers may use the same job number.
 */
export function newMachineName(
  host: Pick<Host, "randomName">,
  request: Pick<JobRequest, "jobId">,
): MachineName {
  return parseMachineName(`job-${request.jobId}-${host.randomName(RANDOM_LENGTH)}`);
}

/** As the contract has it: unknown keys are ignored by GitLab Runner, so there are none. */
export function configOutput(facts: {
  readonly name: MachineName;
  readonly version: string;
  readonly shell: "bash" | "sh" | undefined;
}): Record<string, unknown> {
  return {
    builds_dir: BUILDS_DIRECTORY,
    cache_dir: CACHE_DIRECTORY,
    builds_dir_is_shared: false,
    driver: { name: "nspawn-runner", version: facts.version },
    job_env: { [MACHINE_VARIABLE]: facts.name },
    ...(facts.shell === undefined ? {} : { shell: facts.shell }),
  };
}

/**
 * `sh` for an image without bash; nothing (the runner's own choice) where the image is not there
 * or has bash. `prepare` is who says what is wrong with an image.
 */
export function chooseShell(
  host: Pick<Host, "files" | "trees">,
  config: Pick<Config, "rootDirectory">,
  imageName: string | undefined,
): "sh" | undefined {
  if (imageName === undefined || !isImageName(imageName)) return undefined;
  const image = probeImage(host, config.rootDirectory, imageName);
  if (image === undefined || hasBash(host, image.tree)) return undefined;
  return "sh";
}
