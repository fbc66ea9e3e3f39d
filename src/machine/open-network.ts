/** Connects a machine that has just started to its network, and tells it so. */
import type { Host } from "../host/host.ts";
import { connectMachine } from "../network/connect-machine.ts";
import type { PrivateNetworkPlan } from "../network/network-plan.ts";
import { machinePaths } from "./machine-paths.ts";
import type { MachinePlan } from "./machine-plan.ts";
import { findMachineProcess } from "./machine-process.ts";

export async function openNetwork(
  host: Host,
  plan: MachinePlan,
  network: PrivateNetworkPlan,
): Promise<void> {
  await connectMachine(host, network, {
    name: plan.facts.name,
    leader: async () => (await findMachineProcess(host, plan)).leader,
  });
  host.fifos.writeLine(machinePaths(plan.facts.name).network, "up");
}
