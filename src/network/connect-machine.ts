/** A machine's network: decided before it starts, connected once its namespace exists. */
import type { Host } from "../host/host.ts";
import type { AddressRange } from "../text/address.ts";
import { RunnerError } from "../text/errors.ts";
import type { MachineName } from "../text/names.ts";
import { type AddressPair, findAddressPair, takeAddressPair } from "./address-pair.ts";
import { type NetworkPlan, type PrivateNetworkPlan, planPrivateNetwork } from "./network-plan.ts";
import type { NetworkRequest } from "./network-request.ts";
import { probeHostNetwork } from "./probe-host-network.ts";

/** Looks at the host, takes addresses for the machine, and plans. What it takes is for `release`. */
export function takeNetwork(host: Host, name: MachineName, request: NetworkRequest): NetworkPlan {
  return planNetwork(host, request, (range) => takeAddressPair(host, name, range));
}

/** The network that a machine would have now. Takes nothing. */
export function findNetwork(host: Host, request: NetworkRequest): NetworkPlan {
  return planNetwork(host, request, (range) => findAddressPair(host, range));
}

function planNetwork(
  host: Host,
  request: NetworkRequest,
  choose: (range: AddressRange) => AddressPair,
): NetworkPlan {
  if (request.kind !== "private") return { kind: request.kind };
  const facts = probeHostNetwork(host, request);
  return planPrivateNetwork({ ...facts, pair: choose(request.range) });
}

/**
 * Gives both ends of the machine's link their addresses, at the same time. `leader` finds a process
 * in the machine's network namespace. Everything of it goes when that namespace does.
 */
export async function connectMachine(
  host: Host,
  plan: PrivateNetworkPlan,
  machine: { readonly name: MachineName; readonly leader: () => Promise<number> },
): Promise<void> {
  const batch = ["ip", "-batch", "-"];
  const inside = async (): Promise<void> => {
    const namespace = `/proc/${await machine.leader()}/ns/net`;
    await host.processes.exec(["nsenter", `--net=${namespace}`, ...batch], {
      input: plan.machineBatch,
    });
  };
  try {
    // Before the link is up. A machine that speaks with senders' addresses that are not its own would
    // fill the host's table of neighbours with them, by ARP, which no rule of ours sees.
    host.files.append(`/proc/sys/net/ipv4/conf/${plan.interface}/rp_filter`, "1\n");
    await Promise.all([host.processes.exec(batch, { input: plan.hostBatch }), inside()]);
  } catch (cause) {
    throw new RunnerError({
      kind: "system",
      message: `Cannot connect machine "${machine.name}" to its network.`,
      cause,
    });
  }
}
