/** What docs/network.md says of the three lists, against the rules that are made of them. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { formatRange, isWithin, parseAddress, parseRange } from "../text/address.ts";
import { formatMachineRules, planMachineRules } from "./machine-rules.ts";
import type { Allowed } from "./network-request.ts";
import { type NetworkTarget, parseNetworkTarget } from "./network-target.ts";
import { NEVER_PLACES } from "./never-places.ts";

interface Packet {
  readonly to: string;
  /** Of TCP or UDP; nothing of what has none, as ICMP. */
  readonly port: number | undefined;
}

interface Lists {
  readonly open: readonly NetworkTarget[];
  readonly deny: readonly NetworkTarget[];
  readonly allow: Allowed;
}

const ADDRESSES = [
  "10.0.0.1",
  "10.0.0.9",
  "10.1.2.3",
  "192.0.2.7",
  "169.254.169.254",
  "100.100.100.200",
];
const HOST = ["10.0.0.1", "192.0.2.53"];
const SERVERS = ["192.0.2.53"];
const NAMES: Readonly<Record<string, readonly string[]>> = {
  "one.test": ["10.0.0.1"],
  "two.test": ["10.0.0.9", "192.0.2.7"],
  "unknown.test": [],
};
const lookup = (name: string): readonly string[] => NAMES[name] ?? [];

const isIn = (place: string, address: string): boolean => {
  const range = parseRange(place) ?? { first: parseAddress(place) ?? 0, prefix: 32 };
  return isWithin({ first: parseAddress(address) ?? 0, prefix: 32 }, range);
};

/** As the page says it. */
function isReached({ open, deny, allow }: Lists, { to, port }: Packet): boolean {
  const isOneOf = (targets: readonly NetworkTarget[]): boolean =>
    targets.some((target) => {
      const places =
        target.to.kind === "name" ? lookup(target.to.name) : [formatRange(target.to.range)];
      return (
        places.some((place) => isIn(place, to)) &&
        (target.port === undefined || target.port === port)
      );
    });
  if (SERVERS.includes(to) && port === 53) return true;
  if (isOneOf(open)) return true;
  if (isOneOf(deny)) return false;
  if ([...HOST, ...NEVER_PLACES].some((place) => isIn(place, to))) return false;
  return allow === "everything" || isOneOf(allow);
}

/** What the kernel does with the text that nft gets. */
function isLetThrough(text: string | undefined, { to, port }: Packet): boolean {
  const isNever = [...HOST, ...NEVER_PLACES].some((place) => isIn(place, to));
  const sets = new Map<string, string[]>();
  for (const [, set = "", address = ""] of (text ?? "").matchAll(
    /^add element \S+ \S+ (\S+-\d+) \{ ([\d.]+)/gm,
  )) {
    sets.set(set, [...(sets.get(set) ?? []), address]);
  }
  for (const [, rule = ""] of (text ?? "").matchAll(/^add rule \S+ \S+ \S+ (.+)$/gm)) {
    const [, given, set, wanted, verdict] =
      /^(?:ip daddr (?:\{ (.+) \}|@(\S+)) )?(?:meta l4proto \{ tcp, udp \} th dport (\d+) )?(accept|goto refuse|jump never)$/.exec(
        rule,
      ) ?? [];
    if (verdict === undefined) throw new Error(`Not understood: ${rule}`);
    const places =
      given?.split(", ") ?? (set === undefined ? ["0.0.0.0/0"] : (sets.get(set) ?? []));
    const isMeant =
      places.some((place) => isIn(place, to)) && (wanted === undefined || Number(wanted) === port);
    if (!isMeant) continue;
    if (verdict === "accept") return true;
    if (verdict === "goto refuse" || isNever) return false;
  }
  // Behind a machine's own chain the shared part goes on.
  return !isNever;
}

const targets = fc
  .subarray(
    [
      "10.0.0.1",
      "10.0.0.0/24",
      "10.0.0.0/8:443",
      "0.0.0.0/0",
      "169.254.0.0/16",
      "192.0.2.7:80",
    ].concat(["one.test", "two.test:443", "unknown.test", "192.0.2.53"]),
    { maxLength: 4 },
  )
  .map((texts) => texts.flatMap((text) => parseNetworkTarget(text) ?? []));
const lists: fc.Arbitrary<Lists> = fc.record({
  open: targets,
  deny: targets,
  allow: fc.oneof(fc.constant("everything" as const), targets),
});

test("every combination of the lists does what the page says, for each place and port", () => {
  fc.assert(
    fc.property(lists, (request) => {
      const hostAddresses = HOST.map((text) => ({ first: parseAddress(text) ?? 0, prefix: 32 }));
      const facts = {
        interface: "nsr-0ad50406",
        servers: SERVERS,
        lookup,
        nowMs: 0,
        hostAddresses,
      };
      const rules = planMachineRules({ ...facts, request });
      const text = rules && formatMachineRules(rules, 0);
      for (const to of [...ADDRESSES, ...SERVERS]) {
        for (const port of [53, 80, 443, undefined]) {
          const packet = { to, port };
          expect([packet, isLetThrough(text, packet)]).toEqual([
            packet,
            isReached(request, packet),
          ]);
        }
      }
    }),
    { numRuns: 2000 },
  );
});

test("a machine has rules of its own only where they change something", () => {
  fc.assert(
    fc.property(lists, (request) => {
      const facts = { interface: "nsr-0ad50406", servers: [], lookup, nowMs: 0, hostAddresses: [] };
      const rules = planMachineRules({ ...facts, request });
      const isPlain =
        request.allow === "everything" &&
        request.deny.length === 0 &&
        request.open.every(({ to }) => to.kind === "name" && lookup(to.name).length > 0);
      if (isPlain) expect(rules).toBeUndefined();
    }),
  );
});
