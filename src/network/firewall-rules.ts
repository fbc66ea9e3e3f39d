/**
 * The firewall of machines with a network of their own, as text for nft(8). Pure. Rules know
 * machines by the names of their interfaces and by the kernel's own routes, so they are the same
 * however many machines there are: none is added with a machine, none can be left by one.
 */
import { type AddressRange, formatRange } from "../text/address.ts";
import { INTERFACE_PREFIX } from "./network-paths.ts";

export const TABLE = ["inet", "nspawn_runner"] as const;

const MACHINES = `"${INTERFACE_PREFIX}*"`;

export interface FirewallFacts {
  readonly range: AddressRange;
  /** Name servers of machines: their port 53 is reached wherever they are, also on the host. */
  readonly resolvers: readonly string[];
}

/**
 * One transaction that makes the table what it has to be, whatever it was (nft(8): a batch is
 * applied as a whole, and "add" of what is there is no error).
 *
 * What a machine sends is judged before the kernel routes it and before other tables rewrite where
 * it goes (Docker's published ports): prerouting at priority "mangle", between conntrack and
 * "dstnat". "fib saddr . iif oif missing" is a source address that is not the machine's own.
 */
export function formatFirewall({ range, resolvers }: FirewallFacts): string {
  const table = TABLE.join(" ");
  return `table ${table}
delete table ${table}
table ${table} {
  chain from_machines {
    type filter hook prerouting priority mangle; policy accept;
    iifname != ${MACHINES} accept
    meta nfproto ipv6 drop
    fib saddr . iif oif missing drop
    ct state established,related accept
    ip daddr { ${resolvers.join(", ")} } meta l4proto { tcp, udp } th dport 53 accept
    fib daddr type { local, broadcast, anycast, multicast } reject with icmp type admin-prohibited
    ip daddr { ${formatRange(range)}, 169.254.0.0/16 } reject with icmp type admin-prohibited
  }
  chain to_machines {
    type filter hook forward priority filter; policy accept;
    oifname ${MACHINES} ct state != { established, related } drop
  }
  chain to_outside {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr ${formatRange(range)} oifname != ${MACHINES} masquerade
  }
}
`;
}

/** Docker's own place for rules of others (docs.docker.com, "Packet filtering and firewalls"). */
export const DOCKER_CHAIN = ["ip", "filter", "DOCKER-USER"] as const;
export const DOCKER_SOCKET = "/run/docker.sock";
const DOCKER_COMMENT = "nspawn-runner";

/**
 * Docker drops what the host forwards and did not come from it; no table of ours can undo a drop.
 * So machines are let out by its own chain, by the uplink alone: not into Docker's networks.
 */
export function formatDockerRules(uplink: string): string {
  const insert = `insert rule ${DOCKER_CHAIN.join(" ")}`;
  return `${insert} iifname ${MACHINES} oifname "${uplink}" counter accept comment "${DOCKER_COMMENT}"
${insert} oifname ${MACHINES} ct state established,related counter accept comment "${DOCKER_COMMENT}"
`;
}

/** Whether what nft lists of Docker's chain has our rules already. */
export function hasDockerRules(listed: string): boolean {
  return listed.includes(`comment "${DOCKER_COMMENT}"`);
}

/**
 * Chains of others that drop what they do not know of forwarded packets, from "nft list chains":
 * "TABLE CHAIN" each. A firewall that ends in a drop rule instead is not seen here.
 */
export function findForwardDrops(listed: string): string[] {
  const found: string[] = [];
  let table = "";
  let chain = "";
  for (const line of listed.split("\n")) {
    table = /^table (\S+ \S+) \{/.exec(line)?.[1] ?? table;
    chain = /^\s+chain (\S+) \{/.exec(line)?.[1] ?? chain;
    if (/ hook forward .*policy drop;/.test(line)) found.push(`${table} ${chain}`);
  }
  return found;
}
