/**
 * What one machine may reach otherwise than all others, as a chain of its own for nft(8). Pure.
 * Everything in it is named after the machine's interface, so that it can be made again, or removed,
 * by whoever knows that name, whatever there is of it.
 */
import * as v from "valibot";
import type { RecordKind } from "../record/record.ts";
import { isLoopback, parseAddress, parseRange } from "../text/address.ts";
import {
  batch,
  MACHINE_CHAINS,
  METADATA_ADDRESSES,
  NEVER_CHAIN,
  REFUSE_CHAIN,
  TABLE,
} from "./firewall-rules.ts";
import type { NetworkRequest } from "./network-request.ts";
import { formatNetworkTarget, type NetworkTarget } from "./network-target.ts";

type PrivateRequest = Extract<NetworkRequest, { kind: "private" }>;

const place = v.object({
  /** What is opened is reached whatever is denied, and what is denied whatever is allowed. */
  list: v.picklist(["open", "deny", "allow"]),
  /** What the addresses were looked up by; the addresses themselves were given when absent. */
  name: v.optional(v.string()),
  /** Addresses or ranges. Of a name: what it was when the machine started. */
  addresses: v.array(v.string()),
  port: v.optional(v.number()),
});

/** One entry of a list, with the addresses it has now. */
export type Place = v.InferOutput<typeof place>;

/** Kept while the machine lives: a firewall that is loaded anew forgets what it was. */
export interface MachineRules {
  readonly interface: string;
  readonly servers: readonly string[];
  readonly places: readonly Place[];
}

export const MACHINE_RULES: RecordKind<MachineRules> = {
  what: "what a machine may reach",
  format: 1,
  schemas: {
    1: v.object({ interface: v.string(), servers: v.array(v.string()), places: v.array(place) }),
  },
};

/** Addresses of a name, as the host has looked them up. */
export type Lookup = (name: string) => readonly string[];

/** Nothing for a machine that is like all others: none of its places is closed to those. */
export function planMachineRules(facts: {
  readonly interface: string;
  readonly request: Pick<PrivateRequest, "allow" | "deny" | "open">;
  readonly servers: readonly string[];
  readonly lookup: Lookup;
  /** Of the host itself. */
  readonly hostAddresses: ReadonlySet<string>;
}): MachineRules | undefined {
  const { request, servers, lookup } = facts;
  const places = (["open", "deny", "allow"] as const).flatMap((list) =>
    request[list].map((target) => placeOf(list, target, lookup)),
  );
  const isFiltered = request.allow.length > 0 || request.deny.length > 0;
  const opened = places.filter(({ list }) => list === "open");
  const isClosed = (address: string): boolean =>
    facts.hostAddresses.has(address) || isLinkLocal(address) || isMetadata(address);
  const needs =
    isFiltered || [...servers, ...opened.flatMap(({ addresses }) => addresses)].some(isClosed);
  return needs ? { interface: facts.interface, servers, places } : undefined;
}

function placeOf(list: Place["list"], target: NetworkTarget, lookup: Lookup): Place {
  const port = target.port === undefined ? {} : { port: target.port };
  if (target.to.kind === "range") {
    return { list, addresses: [formatNetworkTarget({ to: target.to })], ...port };
  }
  const { name } = target.to;
  return { list, name, addresses: [...lookup(name)], ...port };
}

const isMetadata = (address: string): boolean =>
  METADATA_ADDRESSES.some((metadata) => metadata === address);

const isLinkLocal = (address: string): boolean => address.startsWith("169.254.");

/** The host's loopback is not there in a machine: nothing can be opened on it. */
export const isReachable = (address: string): boolean => {
  const parsed = parseAddress(address) ?? parseRange(address)?.first;
  return parsed !== undefined && parsed !== 0 && !isLoopback(parsed);
};

/** In a transaction with the shared part, or after it. Whatever there was of that name is replaced. */
export function formatMachineRules(rules: MachineRules): string {
  const table = TABLE.join(" ");
  const chain = rules.interface;
  const named = rules.places.flatMap((entry, index) =>
    entry.name === undefined
      ? []
      : [
          `add set ${table} ${setName(rules, index)} { type ipv4_addr; size 4096; flags timeout; }`,
          `flush set ${table} ${setName(rules, index)}`,
          ...formatElements(rules, index, entry.addresses.filter(isReachable)),
        ],
  );
  const list = (wanted: Place["list"], verdict: string): string[] =>
    rules.places.flatMap((entry, index) =>
      entry.list !== wanted
        ? []
        : `${destination(rules, entry, index)}${portMatch(entry)} ${verdict}`,
    );
  const allowed = list("allow", "accept");
  const lines = [
    ...(rules.servers.length === 0
      ? []
      : [`ip daddr { ${rules.servers.join(", ")} } meta l4proto { tcp, udp } th dport 53 accept`]),
    ...list("open", "accept"),
    ...list("deny", `goto ${REFUSE_CHAIN}`),
    ...(allowed.length === 0 ? [] : [`jump ${NEVER_CHAIN}`, ...allowed, `goto ${REFUSE_CHAIN}`]),
  ];
  return batch([
    `add chain ${table} ${chain}`,
    `flush chain ${table} ${chain}`,
    ...named,
    ...lines.map((line) => `add rule ${table} ${chain} ${line}`),
    `add element ${table} ${MACHINE_CHAINS} { "${rules.interface}" : jump ${chain} }`,
  ]);
}

/** Idempotent: what is removed is made first. */
export function formatRemoval(rules: MachineRules): string {
  const table = TABLE.join(" ");
  const sets = rules.places.flatMap(({ name }, index) =>
    name === undefined ? [] : [`delete set ${table} ${setName(rules, index)}`],
  );
  return (
    formatMachineRules(rules) +
    batch([
      `delete element ${table} ${MACHINE_CHAINS} { "${rules.interface}" }`,
      `delete chain ${table} ${rules.interface}`,
      ...sets,
    ])
  );
}

/**
 * Adds what names are now. What they were stays for a while where it is allowed: a name with many
 * addresses answers with some at a time. Where it is denied it stays for as long as the machine.
 */
export function formatNames(rules: MachineRules, lookup: Lookup): string {
  return batch(
    rules.places.flatMap((entry, index) =>
      entry.name === undefined
        ? []
        : formatElements(rules, index, lookup(entry.name).filter(isReachable)),
    ),
  );
}

const KEPT = "10m";

function formatElements(
  rules: MachineRules,
  index: number,
  addresses: readonly string[],
): string[] {
  const where = `${TABLE.join(" ")} ${setName(rules, index)}`;
  const keeps = rules.places[index]?.list === "deny";
  // Kernels before 6.12 do not begin an element's time again when it is added once more.
  return addresses.flatMap((address) =>
    keeps
      ? [`add element ${where} { ${address} }`]
      : [
          `add element ${where} { ${address} timeout ${KEPT} }`,
          `delete element ${where} { ${address} }`,
          `add element ${where} { ${address} timeout ${KEPT} }`,
        ],
  );
}

const setName = (rules: MachineRules, index: number): string => `${rules.interface}-${index}`;

function destination(rules: MachineRules, entry: Place, index: number): string {
  if (entry.name !== undefined) return `ip daddr @${setName(rules, index)}`;
  return `ip daddr { ${entry.addresses.join(", ")} }`;
}

const portMatch = ({ port }: Place): string =>
  port === undefined ? "" : ` meta l4proto { tcp, udp } th dport ${port}`;

/** Every name that is followed, once. */
export const namesOf = (rules: MachineRules): string[] => [
  ...new Set(rules.places.flatMap(({ name }) => name ?? [])),
];
