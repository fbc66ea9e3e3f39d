/** `run SCRIPT [STAGE]`. Imports as little as it can: a job calls it a dozen times. */
import { runJobStep } from "../job/run-job.ts";
import type { Action } from "./context.ts";
import { requireMachineName, requireRoot } from "./machine-name.ts";

export const runAction: Action<[string, string | undefined, { id?: string }]> = async (
  { host },
  script,
  stage,
  options,
) => {
  requireRoot(host);
  const name = requireMachineName(host, options.id);
  host.log.setFields({ MACHINE: name, STEP: stage ?? "" });
  return runJobStep(host, { name, script, stage });
};
