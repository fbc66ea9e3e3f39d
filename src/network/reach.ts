/**
 * Carries out what one machine may reach otherwise than all others: looks its names up, makes its
 * chain, and takes it away. What is made is written down first, so that `gc` can make it again, or
 * remove it, whoever has died.
 */
import type { Host } from "../host/host.ts";
import { formatRecord, readRecord, readValue } from "../record/record.ts";
import { ensureNamesAreFollowed } from "./follow-names.ts";
import { lookUpAll } from "./look-up.ts";
import {
  formatMachineRules,
  formatRemoval,
  isReachable,
  type Lookup,
  MACHINE_RULES,
  namesOf,
  planMachineRules,
} from "./machine-rules.ts";
import { RULES_DIRECTORY } from "./network-paths.ts";
import type { ReachPlan } from "./network-plan.ts";

/** To be done before the machine's interface is up, and after `ensureFirewall`. */
export async function openReach(host: Host, plan: ReachPlan): Promise<void> {
  const { request, servers } = plan;
  const names = [...request.open, ...request.deny, ...request.allow].flatMap(({ to }) =>
    to.kind === "name" ? to.name : [],
  );
  const lookup = await lookUpAll(host, { names, servers });
  warnOfUnknown(host, plan, lookup);
  const rules = planMachineRules({ ...plan, lookup });
  if (rules === undefined) return;
  host.files.ensureDirectory(RULES_DIRECTORY, 0o700);
  const path = `${RULES_DIRECTORY}/${plan.interface}`;
  host.files.writeText(path, formatRecord(MACHINE_RULES, rules), 0o600);
  await host.processes.exec(["nft", "-f", "-"], { input: formatMachineRules(rules) });
  if (namesOf(rules).length > 0) await ensureNamesAreFollowed(host);
}

function warnOfUnknown(host: Pick<Host, "log">, { request }: ReachPlan, lookup: Lookup): void {
  const warn = (name: string, means: string): void =>
    host.log.warn(
      `Cannot look up "${name}" (${means}): it is tried again while the machine lives.`,
    );
  for (const { to } of request.allow) {
    if (to.kind === "name" && lookup(to.name).length === 0) warn(to.name, "network_allow");
  }
  for (const { to } of request.deny) {
    if (to.kind === "name" && lookup(to.name).length === 0) warn(to.name, "network_deny");
  }
  for (const { to } of request.open) {
    const [name, addresses] = to.kind === "name" ? [to.name, lookup(to.name)] : ["", []];
    if (addresses.length > 0 && !addresses.some(isReachable)) {
      host.log.warn(
        `"${name}" is this host's loopback, which a machine with a network of its own does not reach: give it an address of the host, or set network = "host".`,
      );
    }
  }
}

/** Idempotent. Throws when nft does not do it; then they are still there for `gc`. */
export async function closeReach(host: Host, name: string): Promise<void> {
  const path = `${RULES_DIRECTORY}/${name}`;
  if (host.files.probe(path) === undefined) return;
  const rules = readValue(readRecord(host, path, MACHINE_RULES));
  if (rules !== undefined) {
    await host.processes.exec(["nft", "-f", "-"], { input: formatRemoval(rules) });
  }
  host.files.remove(path);
}
