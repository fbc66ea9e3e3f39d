/** The policy's decision for a job on this host: one for `prepare` and for who asks beforehand. */
import type { Config } from "../config/config.ts";
import type { Host } from "../host/host.ts";
import { defaultLimits } from "../machine/default-limits.ts";
import { probeHostCapacity } from "../machine/host-capacity.ts";
import { type Decision, decide, type PolicyConfig, type PolicyFacts } from "../policy/decide.ts";

export const decideJob = (
  host: Pick<Host, "files">,
  config: PolicyConfig & Pick<Config, "storage" | "tmpfsBytes">,
  facts: Omit<PolicyFacts, "hostLimits" | "tmpfsBytes">,
): Decision =>
  decide(config, {
    ...facts,
    hostLimits: defaultLimits(probeHostCapacity(host)),
    tmpfsBytes: config.storage === "tmpfs" ? config.tmpfsBytes : undefined,
  });
