/** The host's side of all machines' networks: the firewall's table, and forwarding. */
import * as v from "valibot";
import type { Host } from "../host/host.ts";
import { formatRecord, type RecordKind, readRecord, readValue } from "../record/record.ts";
import { lockClaims } from "./claims-lock.ts";
import {
  adviseFirewalld,
  DOCKER_CHAIN,
  FIREWALLD_TABLE,
  findForwardDrops,
  planDockerRules,
  sharedPart,
} from "./firewall-rules.ts";
import { listMachineRules } from "./kept-rules.ts";
import { listTable } from "./list-table.ts";
import { chainsIn, formatMachineRules } from "./machine-rules.ts";
import { FIREWALL_STATE, FORWARDING_SWITCH, PAIRS_DIRECTORY } from "./network-paths.ts";
import { type FirewallPlan, planFirewall } from "./network-plan.ts";
import { probeFirewall } from "./probe-host-network.ts";
import { ensureFirewallIsWatched, firewallIsWatched } from "./watch-firewall.ts";

/** What we gave nft and what it made of it: the same later means that nothing has changed. */
const MADE_TABLE: RecordKind<{ readonly table: string; readonly listed: string }> = {
  what: "what the firewall's table was made from",
  format: 1,
  schemas: { 1: v.object({ table: v.string(), listed: v.string() }) },
};

/**
 * Makes the table unless it is there as we made it; a firewall that was loaded anew has removed it,
 * and a person may have changed it. Idempotent, and two at once do no harm. To be done before a
 * machine's interface is up. Resolves to the table as nft lists it.
 */
export async function ensureFirewall(host: Host, plan: FirewallPlan): Promise<string> {
  let listed = await listTable(host);
  if (!isAsMade(host, plan, listed)) {
    listed = await makeTable(host, plan);
    host.log.verbose("Made the firewall's table of machines' networks.");
    await warnOfDrops(host, plan);
  }
  await ensureFirewallIsWatched(host);
  const dockerRules = await findDockerChanges(host, plan);
  if (dockerRules !== "") {
    await host.processes.exec(["nft", "-f", "-"], { input: dockerRules });
    host.log.verbose("Let machines' packets pass Docker's firewall (chain DOCKER-USER).");
  }
  if (plan.switchForwarding) {
    // Written in place: the kernel's switches are not files that could be replaced.
    host.files.append(FORWARDING_SWITCH, "1\n");
    host.log.verbose("Switched on the forwarding of IPv4 packets on this host (ip_forward).");
  }
  return listed ?? "";
}

/** In one transaction: no machine that lives has less, or more, than it is to have. */
async function makeTable(host: Host, plan: FirewallPlan): Promise<string> {
  // What a machine has is not to come back behind its release.
  using _lock = await lockClaims(host);
  const nowMs = host.clock.nowMs();
  const machines = listMachineRules(host).map((rules) => formatMachineRules(rules, nowMs));
  await host.processes.exec(["nft", "-f", "-"], { input: plan.table + machines.join("") });
  const listed = (await listTable(host)) ?? "";
  const state = { table: plan.table, listed: sharedPart(listed) };
  host.files.writeText(FIREWALL_STATE, formatRecord(MADE_TABLE, state), 0o600);
  return listed;
}

/**
 * Whether machines live that have a network of their own, and the host's firewall, loaded anew, lacks
 * something of ours, or nobody watches it. Looks only.
 */
export async function firewallIsIncomplete(host: Host): Promise<boolean> {
  if (host.claims.list(PAIRS_DIRECTORY).length === 0) return false;
  if (!firewallIsWatched(host)) return true;
  const plan = planFirewall(probeFirewall(host));
  if (plan.switchForwarding || !isAsMade(host, plan, await listTable(host))) {
    return true;
  }
  return (await findDockerChanges(host, plan)) !== "";
}

/** Makes it again. */
export async function restoreFirewall(host: Host): Promise<void> {
  await ensureFirewall(host, planFirewall(probeFirewall(host)));
}

function isAsMade(host: Host, plan: FirewallPlan, listed: string | undefined): boolean {
  const made = readValue(readRecord(host, FIREWALL_STATE, MADE_TABLE));
  if (made === undefined || made.table !== plan.table) return false;
  if (listed === undefined || made.listed !== sharedPart(listed)) return false;
  const chains = chainsIn(listed);
  return listMachineRules(host).every((rules) => chains.includes(rules.interface));
}

/** Without that chain Docker filters by nftables itself, or not at all. */
async function findDockerChanges(host: Host, { dockerUplink }: FirewallPlan): Promise<string> {
  if (dockerUplink === undefined) return "";
  const listed = await host.processes.run(["nft", "-a", "list", "chain", ...DOCKER_CHAIN]);
  return listed.exitCode === 0 ? planDockerRules(dockerUplink, listed.stdout) : "";
}

/** A drop of another table is final. Docker's is dealt with; of others the administrator is told. */
async function warnOfDrops(host: Host, plan: FirewallPlan): Promise<void> {
  const firewalld = await host.processes.run(["nft", "list", "table", ...FIREWALLD_TABLE]);
  const advice = adviseFirewalld(firewalld.exitCode === 0 ? firewalld.stdout : "");
  if (advice !== undefined) host.log.warn(advice);
  const listed = await host.processes.run(["nft", "list", "chains"]);
  for (const chain of findForwardDrops(listed.stdout)) {
    if (plan.dockerUplink !== undefined && chain === "ip filter FORWARD") continue;
    host.log.warn(
      `The host's firewall drops forwarded packets (chain "${chain}"): let pass those from and to interfaces "nsr-*", or machines with a network of their own reach nothing. See docs/network.md.`,
    );
  }
}
