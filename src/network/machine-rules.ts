/**
 * What one machine may reach otherwise than all others, as a chain of its own for nft(8). Pure.
 * Everything in it is named after the machine's interface, so that it can be made again, or removed,
 * by whoever knows that name, whatever there is of it.
 */
import * as v from "valibot";
import type { RecordKind } from "../record/record.ts";
import {
  type Address,
  type AddressRange,
  isLoopback,
  parseAddress,
  rangeOf,
  rangesOverlap,
} from "../text/address.ts";
import { batch, MACHINE_CHAINS, NEVER_CHAIN, REFUSE_CHAIN, TABLE } from "./firewall-rules.ts";
import { INTERFACE_PREFIX } from "./network-paths.ts";
import type { NetworkRequest } from "./network-request.ts";
import { formatNetworkTarget, type NetworkTarget } from "./network-target.ts";
import { NEVER_RANGES } from "./never-places.ts";

type PrivateRequest = Extract<NetworkRequest, { kind: "private" }>;

const place = v.object({
  /** What is opened is reached whatever is denied, and what is denied whatever is allowed. */
  list: v.picklist(["open", "deny", "allow"]),
  /** What the addresses were looked up by; the addresses themselves were given when absent. */
  name: v.optional(v.string()),
  /** Addresses or ranges. Of a name: all that it was, as far as they still count. */
  addresses: v.array(v.string()),
  /** When an address of a name was last an answer, in milliseconds of the host's clock. */
  answeredMs: v.optional(v.record(v.string(), v.number())),
  port: v.optional(v.number()),
});

/** One entry of a list, with the addresses it has now. */
export type Place = v.InferOutput<typeof place>;

/** Kept while the machine lives: a firewall that is loaded anew forgets what it was. */
export interface MachineRules {
  readonly interface: string;
  readonly servers: readonly string[];
  readonly places: readonly Place[];
  /** Whether nothing is reached but what is opened and allowed. */
  readonly only: boolean;
}

/** What of the host's no machine reaches unless it is opened to it. */
export type ClosedRanges = readonly AddressRange[];

export const MACHINE_RULES: RecordKind<MachineRules> = {
  what: "what a machine may reach",
  format: 1,
  schemas: {
    1: v.pipe(
      v.object({
        interface: v.string(),
        servers: v.array(v.string()),
        places: v.array(place),
        only: v.optional(v.boolean()),
      }),
      // Files of release 0.2.0 do not say it.
      v.transform(({ only, ...rest }) => ({
        ...rest,
        only: only ?? rest.places.some(({ list }) => list === "allow"),
      })),
    ),
  },
};

/** Addresses of a name, as the host has looked them up. */
export type Lookup = (name: string) => readonly string[];

/**
 * Nothing for a machine that is like all others: none of its places is closed to those. A name that is
 * not known yet may turn out to be.
 */
export function planMachineRules(facts: {
  readonly interface: string;
  readonly request: Pick<PrivateRequest, "allow" | "deny" | "open">;
  readonly servers: readonly string[];
  readonly lookup: Lookup;
  readonly nowMs: number;
  /** Of the host itself. */
  readonly hostAddresses: ClosedRanges;
}): MachineRules | undefined {
  const { request, servers, lookup } = facts;
  const only = request.allow !== "everything";
  const lists = { ...request, allow: only ? request.allow : [] };
  const places = (["open", "deny", "allow"] as const).flatMap((list) =>
    lists[list].map((target) => learn(placeOf(list, target), lookup, facts.nowMs)),
  );
  const isFiltered = only || request.deny.length > 0;
  const opened = places.filter(({ list }) => list === "open");
  const closed = [...facts.hostAddresses, ...NEVER_RANGES];
  const isClosed = (text: string): boolean =>
    closed.some((range) => rangesOverlap(range, rangeOf(text)));
  const needs =
    isFiltered ||
    opened.some(({ name }) => name !== undefined && lookup(name).length === 0) ||
    [...servers, ...opened.flatMap(({ addresses }) => addresses)].some(isClosed);
  return needs ? { interface: facts.interface, servers, places, only } : undefined;
}

function placeOf(list: Place["list"], { to, port }: NetworkTarget): Place {
  return {
    list,
    ...(to.kind === "name"
      ? { name: to.name, addresses: [] }
      : { addresses: [formatNetworkTarget({ to })] }),
    ...(port === undefined ? {} : { port }),
  };
}

/** The host's loopback is not there in a machine: nothing can be opened on it. */
export const isReachable = (address: string): boolean => {
  const parsed: Address | undefined = parseAddress(address);
  return parsed !== undefined && parsed !== 0 && !isLoopback(parsed);
};

/** How long what is allowed by name lasts beyond its last answer. */
const KEPT_MS = 10 * 60 * 1000;
/** Of a set: more addresses of one name are not taken. */
const SET_SIZE = 4096;

/**
 * With what its name is now. What it was stays for a while where it is allowed: a name with many
 * addresses answers with some at a time. Where it is denied it stays for as long as the machine.
 */
function learn(entry: Place, lookup: Lookup, nowMs: number): Place {
  const { name, list, addresses, answeredMs = {} } = entry;
  if (name === undefined) return entry;
  const stays = (address: string): boolean =>
    list === "deny" || leftMs(answeredMs[address], nowMs) > 0;
  const found = lookup(name).filter(isReachable);
  const all = [...new Set([...addresses.filter(stays), ...found])].slice(0, SET_SIZE);
  return {
    ...entry,
    addresses: all,
    answeredMs: Object.fromEntries(
      all.map((address) => [
        address,
        found.includes(address) ? nowMs : (answeredMs[address] ?? nowMs),
      ]),
    ),
  };
}

/** The rules with what all names of a machine are now. */
export const learnNames = (rules: MachineRules, lookup: Lookup, nowMs: number): MachineRules => ({
  ...rules,
  places: rules.places.map((entry) => learn(entry, lookup, nowMs)),
});

const leftMs = (answeredMs: number | undefined, nowMs: number): number =>
  KEPT_MS - (nowMs - (answeredMs ?? nowMs));

/**
 * In a transaction with the shared part, or after it. Whatever there was of that name is replaced; what
 * names were until now counts as long as it would have.
 */
export function formatMachineRules(rules: MachineRules, nowMs: number): string {
  const table = TABLE.join(" ");
  const chain = rules.interface;
  const named = rules.places.flatMap((entry, index) =>
    entry.name === undefined
      ? []
      : [
          addSet(setName(rules.interface, index)),
          `flush set ${table} ${setName(rules.interface, index)}`,
          ...formatElements(rules, index, nowMs),
        ],
  );
  const list = (wanted: Place["list"], verdict: string): string[] =>
    rules.places.flatMap((entry, index) =>
      entry.list !== wanted
        ? []
        : `${destination(rules, entry, index)}${portMatch(entry)} ${verdict}`,
    );
  const lines = [
    ...(rules.servers.length === 0
      ? []
      : [`ip daddr { ${rules.servers.join(", ")} } meta l4proto { tcp, udp } th dport 53 accept`]),
    ...list("open", "accept"),
    ...list("deny", `goto ${REFUSE_CHAIN}`),
    ...(rules.only
      ? [`jump ${NEVER_CHAIN}`, ...list("allow", "accept"), `goto ${REFUSE_CHAIN}`]
      : []),
  ];
  return batch([
    `add chain ${table} ${chain}`,
    `flush chain ${table} ${chain}`,
    ...named,
    ...lines.map((line) => `add rule ${table} ${chain} ${line}`),
    `add element ${table} ${MACHINE_CHAINS} { "${rules.interface}" : jump ${chain} }`,
  ]);
}

/**
 * Removes all that the table, as `nft list` says it, has of one interface: whoever made it, and whether
 * or not anybody has written it down. Idempotent: what is removed is made first. Nothing when there is
 * nothing.
 */
export function formatRemoval(name: string, listed: string): string {
  const table = TABLE.join(" ");
  const sets = Array.from(listed.matchAll(OWN_SET), ([, set = ""]) => set);
  const own = sets.filter((set) => set.startsWith(`${name}-`));
  if (own.length === 0 && !chainsIn(listed).includes(name)) return "";
  const element = `element ${table} ${MACHINE_CHAINS}`;
  return batch([
    `add chain ${table} ${name}`,
    `flush chain ${table} ${name}`,
    `add ${element} { "${name}" : jump ${name} }`,
    `delete ${element} { "${name}" }`,
    `delete chain ${table} ${name}`,
    ...own.flatMap((set) => [addSet(set), `delete set ${table} ${set}`]),
  ]);
}

/** Interfaces that have a chain of their own in the table, as `nft list` says it. */
export const chainsIn = (listed: string): string[] =>
  Array.from(listed.matchAll(OWN_CHAIN), ([, name = ""]) => name);

const OWN_CHAIN = new RegExp(`^\\tchain (${INTERFACE_PREFIX}[0-9a-f]{8}) \\{$`, "gm");
const OWN_SET = new RegExp(`^\\tset (${INTERFACE_PREFIX}[0-9a-f]{8}-\\d+) \\{$`, "gm");

/** Adds what names are by now. */
export const formatNames = (rules: MachineRules, nowMs: number): string =>
  batch(rules.places.flatMap((_, index) => formatElements(rules, index, nowMs)));

const addSet = (name: string): string =>
  `add set ${TABLE.join(" ")} ${name} { type ipv4_addr; size ${SET_SIZE}; flags timeout; }`;

function formatElements(rules: MachineRules, index: number, nowMs: number): string[] {
  const { name, list, addresses = [], answeredMs = {} } = rules.places[index] ?? {};
  if (name === undefined) return [];
  const where = `${TABLE.join(" ")} ${setName(rules.interface, index)}`;
  return addresses.filter(isReachable).flatMap((address) => {
    if (list === "deny") return [`add element ${where} { ${address} }`];
    const seconds = Math.ceil(leftMs(answeredMs[address], nowMs) / 1000);
    if (seconds <= 0) return [];
    // Kernels before 6.12 do not begin an element's time again when it is added once more.
    return [
      `add element ${where} { ${address} timeout ${seconds}s }`,
      `delete element ${where} { ${address} }`,
      `add element ${where} { ${address} timeout ${seconds}s }`,
    ];
  });
}

const setName = (name: string, index: number): string => `${name}-${index}`;

function destination(rules: MachineRules, entry: Place, index: number): string {
  if (entry.name !== undefined) return `ip daddr @${setName(rules.interface, index)}`;
  return `ip daddr { ${entry.addresses.join(", ")} }`;
}

const portMatch = ({ port }: Place): string =>
  port === undefined ? "" : ` meta l4proto { tcp, udp } th dport ${port}`;

/** Every name that is followed, once. */
export const namesOf = (rules: MachineRules): string[] => [
  ...new Set(rules.places.flatMap(({ name }) => name ?? [])),
];
