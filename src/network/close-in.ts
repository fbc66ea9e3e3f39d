/** All that keeps a machine from what it must not reach: to be done before its interface is up. */
import type { Host } from "../host/host.ts";
import { ensureFirewall } from "./ensure-firewall.ts";
import type { PrivateNetworkPlan } from "./network-plan.ts";
import { openReach } from "./reach.ts";

export async function closeIn(host: Host, plan: PrivateNetworkPlan): Promise<void> {
  await openReach(host, plan.reach, await ensureFirewall(host, plan.firewall));
}
