/** `config`, alias `gitlab-config`. */
import { readConfig } from "../config/config.ts";
import { chooseShell, configOutput, newMachineName } from "../job/config-stage.ts";
import { readJobRequest } from "../job/job-request.ts";
import { MACHINE_VARIABLE } from "../job/machine-variable.ts";
import { formatJson } from "../text/escape.ts";
import type { Action } from "./context.ts";

export const configAction: Action<[{ defaultImage?: string }]> = async (
  { host, version },
  options,
) => {
  const config = await readConfig(host);
  const request = readJobRequest(host) ?? { jobId: "0", image: undefined, secrets: [] };
  host.log.hide(request.secrets);
  const name = newMachineName(host, request);
  const image = request.image ?? options.defaultImage ?? config.defaultImage;
  host.log.setFields({ JOB: request.jobId, MACHINE: name });
  host.log.debug(`# ${MACHINE_VARIABLE}=${name}`);
  const output = configOutput({ name, version, shell: chooseShell(host, config, image) });
  host.print(formatJson(output));
  return "success";
};
