/**
 * The part of the firewall that all machines share, as text for nft(8). Pure. It knows machines by
 * the names of their interfaces and by the kernel's own routes, so it is the same for every machine
 * and every configuration. What one machine has besides is a chain of its own (`machine-rules.ts`).
 */
import { INTERFACE_PREFIX } from "./network-paths.ts";
import { NEVER_PLACES } from "./never-places.ts";

export const TABLE = ["inet", "nspawn_runner"] as const;
/** From a machine's interface to the chain of its own, for those that have one. */
export const MACHINE_CHAINS = "machines";
/** Where a packet goes that is refused: it is counted and told of. */
export const REFUSE_CHAIN = "refuse";
/** Places that no machine reaches unless one is opened to it. */
export const NEVER_CHAIN = "never";
/** What was refused: interface, address, protocol and port. */
export const REFUSED_SET = "refused";
/** Machines that had more connections than their share, or began them too fast. */
export const CROWDED_SET = "crowded";

const MACHINES = `"${INTERFACE_PREFIX}*"`;

const NEVER_ADDRESSES = `{ ${NEVER_PLACES.join(", ")} }`;
const NEVER_TYPES = "{ local, broadcast, anycast, multicast }";
const KNOWN = "ct state established,related";
const UNKNOWN = "ct state != { established, related }";

/** How many connections one machine may have, so that it cannot fill the kernel's table of them. */
export interface ConnectionLimits {
  readonly count: number;
  readonly perSecond: number;
}

/** The kernel walks the counted ones for a new one, at most once a tick: more would cost too much. */
const COUNT_MAX = 8192;
/** For how long the kernel keeps one that is over: TIME_WAIT, and UDP that was answered. */
const KEPT_SECONDS = 120;

/**
 * Of the host's table, a sixteenth for those that live, another for a burst of new ones, and an
 * eighth for those that are over and were begun at the rate: a quarter in all.
 */
export function limitConnections(tableSize: number): ConnectionLimits {
  return {
    count: Math.min(Math.max(Math.floor(tableSize / 16), 16), COUNT_MAX),
    perSecond: Math.max(Math.floor(tableSize / 8 / KEPT_SECONDS), 1),
  };
}

/**
 * One transaction that makes the shared part what it has to be, whatever it was (nft(8): a batch is
 * applied as a whole, and "add" of what is there is no error). Chains and elements of machines stay.
 *
 * What a machine sends is judged before the kernel routes it and before other tables rewrite where
 * it goes (Docker's published ports): prerouting at priority "mangle", between conntrack and
 * "dstnat". "fib saddr . iif oif missing" is a source address that is not the machine's own. Beyond
 * the rate new connections are dropped, not refused: who asks again a second later is only slowed.
 */
export function formatFirewall({ count, perSecond }: ConnectionLimits): string {
  const table = TABLE.join(" ");
  const set = (name: string, type: string, more: string): string =>
    `add set ${table} ${name} { type ${type}; size 65535; flags ${more}; }`;
  const crowded = `update @${CROWDED_SET} { iifname counter }`;
  const chain = (name: string, hook: string | undefined, rules: readonly string[]): string[] => [
    `add chain ${table} ${name}${hook === undefined ? "" : ` { type ${hook}; policy accept; }`}`,
    `flush chain ${table} ${name}`,
    ...rules.map((rule) => `add rule ${table} ${name} ${rule}`),
  ];
  return batch([
    `add table ${table}`,
    `add map ${table} ${MACHINE_CHAINS} { type ifname : verdict; }`,
    set("connections", "ifname", "dynamic"),
    set("rates", "ifname", "dynamic,timeout; timeout 10m"),
    set("told", "ifname", "dynamic,timeout; timeout 10m"),
    set(
      REFUSED_SET,
      "ifname . ipv4_addr . inet_proto . inet_service",
      "dynamic,timeout; timeout 1d",
    ),
    set(CROWDED_SET, "ifname", "dynamic,timeout; timeout 1d"),
    ...chain(REFUSE_CHAIN, undefined, [
      // One machine must not fill the list of what was refused to all.
      `meta l4proto { tcp, udp } add @told { iifname limit rate 10/second burst 100 packets } update @${REFUSED_SET} { iifname . ip daddr . meta l4proto . th dport counter }`,
      "reject with icmp type admin-prohibited",
    ]),
    ...chain(NEVER_CHAIN, undefined, [
      `fib daddr type ${NEVER_TYPES} goto ${REFUSE_CHAIN}`,
      `ip daddr ${NEVER_ADDRESSES} goto ${REFUSE_CHAIN}`,
    ]),
    ...chain("from_machines", "filter hook prerouting priority mangle", [
      `iifname != ${MACHINES} accept`,
      "meta nfproto ipv6 drop",
      "fib saddr . iif oif missing drop",
      `${KNOWN} ct direction reply accept`,
      // What was begun while a reload had taken the table away is not let through for being known.
      `${KNOWN} fib daddr type != ${NEVER_TYPES} ip daddr != ${NEVER_ADDRESSES} accept`,
      `${UNKNOWN} add @rates { iifname limit rate over ${perSecond}/second burst ${count} packets } ${crowded} drop`,
      `${UNKNOWN} add @connections { iifname ct count over ${count} } ${crowded} reject with icmp type admin-prohibited`,
      `iifname vmap @${MACHINE_CHAINS}`,
      `jump ${NEVER_CHAIN}`,
    ]),
    ...chain("to_machines", "filter hook forward priority filter", [
      `iifname ${MACHINES} oifname ${MACHINES} goto ${REFUSE_CHAIN}`,
      `oifname ${MACHINES} ${UNKNOWN} drop`,
    ]),
    ...chain("from_host", "filter hook output priority filter", [
      // A connection that a machine has begun while a reload had taken the table away: whose packet comes
      // first then counts as who has begun it, and the other's as answers.
      `oifname ${MACHINES} ct state new tcp flags & (fin | syn | rst | ack) != syn drop`,
    ]),
    ...chain("to_outside", "nat hook postrouting priority srcnat", [
      `iifname ${MACHINES} oifname != ${MACHINES} masquerade`,
    ]),
  ]);
}

export const batch = (lines: readonly string[]): string =>
  lines.map((line) => `${line}\n`).join("");

/**
 * What "nft -t list table" says of the shared part: without the chains and sets of machines, which
 * come and go. An interface's name is what they begin with.
 */
export function sharedPart(listed: string): string {
  const kept: string[] = [];
  let skipping = false;
  for (const line of listed.split("\n")) {
    const [, name] = /^\t(?:chain|set) (\S+) \{$/.exec(line) ?? [];
    if (name?.startsWith(INTERFACE_PREFIX)) skipping = true;
    if (!skipping) kept.push(line);
    if (line === "\t}") skipping = false;
  }
  // What separates blocks goes with them or stays, as it happens.
  return kept.filter((line) => line !== "").join("\n");
}

/** Docker's own place for rules of others (docs.docker.com, "Packet filtering and firewalls"). */
export const DOCKER_CHAIN = ["ip", "filter", "DOCKER-USER"] as const;
export const DOCKER_SOCKET = "/run/docker.sock";
const DOCKER_COMMENT = "nspawn-runner";

/**
 * Docker drops what the host forwards and did not come from it; no table of ours can undo a drop.
 * So machines are let out by its own chain, by the uplink alone: not into Docker's networks. What is to
 * be changed of it, as `nft -a list` says it: nothing when our rules are there, once, and for this uplink.
 */
export function planDockerRules(uplink: string, listed: string): string {
  const chain = DOCKER_CHAIN.join(" ");
  const ours = Array.from(listed.matchAll(DOCKER_RULE));
  const wanted = [
    `iifname ${MACHINES} oifname "${uplink}"`,
    `oifname ${MACHINES} ct state established,related`,
  ];
  const found = ours.map(([, match = ""]) => match);
  if (found.length === wanted.length && wanted.every((match) => found.includes(match))) return "";
  return batch([
    ...ours.map(([, , handle]) => `delete rule ${chain} handle ${handle}`),
    ...wanted.map(
      (match) => `insert rule ${chain} ${match} counter accept comment "${DOCKER_COMMENT}"`,
    ),
  ]);
}

const DOCKER_RULE = new RegExp(
  `^\\s*(.+) counter packets .* comment "${DOCKER_COMMENT}" # handle (\\d+)$`,
  "gm",
);

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
    // Machines have no IPv6 that could be dropped.
    const drops = / hook forward .*policy drop;/.test(line) && !table.startsWith("ip6 ");
    if (drops) found.push(`${table} ${chain}`);
  }
  return found;
}

export const FIREWALLD_TABLE = ["inet", "firewalld"] as const;

/**
 * What firewalld's table, as nft lists it, has to be told: its default zones refuse what is forwarded,
 * by a rule at the end of a chain whose policy is to accept. Nothing where there is none, or where it
 * knows machines' interfaces.
 */
export function adviseFirewalld(listed: string): string | undefined {
  if (!listed.includes("table inet firewalld") || listed.includes(`"${INTERFACE_PREFIX}`)) {
    return undefined;
  }
  return `The host's firewalld refuses what machines send: "firewall-cmd --permanent --zone=trusted --add-interface=${INTERFACE_PREFIX}+" and "firewall-cmd --reload" let it pass; what machines must not reach is refused by our own rules all the same.`;
}
