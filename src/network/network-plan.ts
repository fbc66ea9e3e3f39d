/**
 * From facts to a machine's network. Pure: names, addresses, rules and files are decided here, and
 * carrying it out decides nothing.
 */
import { formatAddress } from "../text/address.ts";
import type { AddressPair } from "./address-pair.ts";
import { formatFirewall, limitConnections } from "./firewall-rules.ts";
import type { ClosedRanges } from "./machine-rules.ts";
import { INTERFACE_INSIDE } from "./network-paths.ts";
import type { NetworkRequest } from "./network-request.ts";
import { formatResolvConf, type Resolvers } from "./resolvers.ts";

/** What the firewall depends on: of the host alone, nothing of a configuration. */
export interface FirewallFacts {
  readonly uplink: { readonly name: string; readonly mtu: number } | undefined;
  /** Whether the host forwards packets already. */
  readonly forwards: boolean;
  /** Whether Docker is on the host. */
  readonly docker: boolean;
  /** How many connections the kernel tracks for all. */
  readonly connectionTableSize: number;
}

/** What one host is like for all machines' networks. */
export interface HostNetworkFacts extends FirewallFacts {
  readonly request: Extract<NetworkRequest, { kind: "private" }>;
  readonly resolvers: Resolvers;
  /** Whether the host's kernel has IPv6 at all. */
  readonly ipv6: boolean;
  /** The host's own, those of machines among them. */
  readonly addresses: ClosedRanges;
}

export interface PrivateNetworkFacts extends HostNetworkFacts {
  readonly pair: AddressPair;
}

/** What the host has to be for all machines with a network of their own. */
export interface FirewallPlan {
  /** The table, whole. */
  readonly table: string;
  /** What Docker's chain has to let machines out by; nothing without Docker or without an uplink. */
  readonly dockerUplink: string | undefined;
  readonly switchForwarding: boolean;
}

/** What this machine may reach; its names have yet to be looked up, by its own name servers. */
export interface ReachPlan {
  readonly interface: string;
  readonly request: Pick<HostNetworkFacts["request"], "allow" | "deny" | "open">;
  readonly servers: readonly string[];
  readonly hostAddresses: ClosedRanges;
}

export interface PrivateNetworkPlan {
  readonly kind: "private";
  /** The machine's interface on the host. nspawn makes it; it dies with the machine's namespace. */
  readonly interface: string;
  readonly resolvConf: string;
  readonly firewall: FirewallPlan;
  readonly reach: ReachPlan;
  /** For `ip -batch` on the host, and inside the machine's namespace. */
  readonly hostBatch: string;
  readonly machineBatch: string;
}

export type NetworkPlan =
  | { readonly kind: "host" }
  | { readonly kind: "none" }
  | PrivateNetworkPlan;

/** Of a link that goes nowhere yet: Ethernet's own. */
export const MTU_DEFAULT = 1500;

export function planFirewall(facts: FirewallFacts): FirewallPlan {
  const { uplink } = facts;
  return {
    table: formatFirewall(limitConnections(facts.connectionTableSize)),
    dockerUplink: facts.docker ? uplink?.name : undefined,
    switchForwarding: !facts.forwards,
  };
}

export function planPrivateNetwork(facts: PrivateNetworkFacts): PrivateNetworkPlan {
  const { pair, uplink, resolvers, request } = facts;
  const { allow, deny, open } = request;
  const mtu = uplink?.mtu ?? MTU_DEFAULT;
  const gateway = formatAddress(pair.host);
  return {
    kind: "private",
    interface: pair.interface,
    resolvConf: formatResolvConf(resolvers),
    firewall: planFirewall(facts),
    reach: {
      interface: pair.interface,
      request: { allow, deny, open },
      servers: resolvers.servers,
      hostAddresses: facts.addresses,
    },
    hostBatch: batch([
      ...linkCommands(pair.interface, { mtu, ipv6: facts.ipv6 }),
      `address add ${gateway}/31 dev ${pair.interface}`,
    ]),
    machineBatch: batch([
      ...linkCommands(INTERFACE_INSIDE, { mtu, ipv6: facts.ipv6 }),
      `address add ${formatAddress(pair.machine)}/31 dev ${INTERFACE_INSIDE}`,
      `route add default via ${gateway}`,
    ]),
  };
}

/** Before an interface is up: no IPv6 address comes by itself (docs/decisions/0004-…). */
function linkCommands(name: string, facts: { mtu: number; ipv6: boolean }): string[] {
  return [
    ...(facts.ipv6 ? [`link set dev ${name} addrgenmode none`] : []),
    `link set dev ${name} mtu ${facts.mtu} up`,
  ];
}

const batch = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join("");

/** Options of systemd-nspawn(1). `replace-host` copies the /etc/resolv.conf that nspawn sees. */
export function networkArguments(plan: NetworkPlan): string[] {
  switch (plan.kind) {
    case "host":
      return ["--resolv-conf=replace-host"];
    case "none":
      return ["--private-network", "--resolv-conf=off"];
    case "private":
      return [
        `--network-veth-extra=${plan.interface}:${INTERFACE_INSIDE}`,
        "--resolv-conf=replace-host",
      ];
  }
}
