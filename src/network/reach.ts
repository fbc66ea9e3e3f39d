/**
 * Carries out what one machine may reach otherwise than all others: looks its names up, makes its
 * chain, and takes it away. What is made is written down first, so that `gc` can make it again, or
 * remove it, whoever has died.
 */
import type { Host } from "../host/host.ts";
import { lockClaims } from "./claims-lock.ts";
import { findStrayRules, rulesPath, writeRules } from "./kept-rules.ts";
import { listTable } from "./list-table.ts";
import { lookUpAll } from "./look-up.ts";
import {
  chainsIn,
  formatMachineRules,
  formatRemoval,
  isReachable,
  type Lookup,
  type Place,
  planMachineRules,
} from "./machine-rules.ts";
import { PAIRS_DIRECTORY } from "./network-paths.ts";
import type { ReachPlan } from "./network-plan.ts";
import type { NetworkTarget } from "./network-target.ts";

/**
 * To be done before the machine's interface is up, and after `ensureFirewall`, which has told what is
 * in the table.
 */
export async function openReach(host: Host, plan: ReachPlan, listed: string): Promise<void> {
  const { request, servers } = plan;
  const allowed = request.allow === "everything" ? [] : request.allow;
  const names = [...request.open, ...request.deny, ...allowed].flatMap(({ to }) =>
    to.kind === "name" ? to.name : [],
  );
  const lookup = await lookUpAll(host, { names, servers });
  warnOfUnknown(host, { ...request, allow: allowed }, lookup);
  const nowMs = host.clock.nowMs();
  const rules = planMachineRules({ ...plan, lookup, nowMs });
  // What a dead driver's nft has still made for a machine that had this interface is not this one's.
  const isForeign = chainsIn(listed).includes(plan.interface);
  if (rules === undefined && !isForeign) return;
  using _lock = await lockClaims(host);
  if (isForeign) await closeReach(host, plan.interface);
  if (rules === undefined) return;
  writeRules(host, rules);
  await host.processes.exec(["nft", "-f", "-"], { input: formatMachineRules(rules, nowMs) });
}

function warnOfUnknown(
  host: Pick<Host, "log">,
  request: { readonly [List in Place["list"]]: readonly NetworkTarget[] },
  lookup: Lookup,
): void {
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

/**
 * Under the claims' lock, and by who has the interface, or when nobody has. Idempotent. Throws when nft
 * does not do it; then all is still there for `gc`.
 */
export async function closeReach(host: Host, name: string): Promise<void> {
  const removal = formatRemoval(name, (await listTable(host)) ?? "");
  if (removal !== "") await host.processes.exec(["nft", "-f", "-"], { input: removal });
  host.files.remove(rulesPath(name));
}

/** Interfaces that have rules, and no machine. Looks only. */
export const findStrayReach = async (host: Host): Promise<string[]> =>
  findStrayRules(host, (await listTable(host)) ?? "");

/** False when a machine has that interface by now. */
export async function closeStrayReach(host: Host, name: string): Promise<boolean> {
  using _lock = await lockClaims(host);
  if (host.claims.list(PAIRS_DIRECTORY).some(({ thing }) => thing === name)) return false;
  await closeReach(host, name);
  return true;
}
