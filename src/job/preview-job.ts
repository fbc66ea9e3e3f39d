/** `prepare --dry-run`: the plan that `prepare` would carry out. Changes nothing. */
import type { Config } from "../config/config.ts";
import type { Host } from "../host/host.ts";
import { previewMachine } from "../machine/create-machine.ts";
import { formatJobPlan } from "./format-job-plan.ts";
import { gatherJob, type PrepareRequest } from "./gather-job.ts";
import { planNeeds, planRequest } from "./plan-job.ts";

/** The plan as text. Throws what `prepare` would before it changes anything. */
export async function previewJob(
  host: Host,
  config: Config,
  request: PrepareRequest,
): Promise<string> {
  const facts = await gatherJob(host, config, request);
  const machine = planRequest(facts);
  return formatJobPlan({
    facts,
    needs: planNeeds(facts),
    machine: machine && previewMachine(host, machine),
  });
}
