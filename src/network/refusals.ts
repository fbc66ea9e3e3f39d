/** What the firewall has refused to a machine, for its job's log. */
import type { Host } from "../host/host.ts";
import type { MachineName } from "../text/names.ts";
import { REFUSED_SET, TABLE } from "./firewall-rules.ts";
import { listMachineRules } from "./kept-rules.ts";
import type { MachineRules } from "./machine-rules.ts";
import { PAIRS_DIRECTORY } from "./network-paths.ts";

export interface Refusal {
  readonly address: string;
  readonly protocol: string;
  readonly port: number;
  readonly packets: number;
  /** Since the last of them. */
  readonly ageMs: number;
}

/**
 * A sentence on what was refused within that time, nothing where nothing was, or the machine has no
 * network of its own. Never throws: it is told beside what matters.
 */
export async function tellRefusals(
  host: Host,
  name: MachineName,
  withinMs: number,
): Promise<string | undefined> {
  const pair = host.claims.list(PAIRS_DIRECTORY).find(({ owner }) => owner === name);
  if (pair === undefined) return undefined;
  const listed = await host.processes.run(["nft", "list", "set", ...TABLE, REFUSED_SET]);
  if (listed.exitCode !== 0) return undefined;
  const found = parseRefusals(listed.stdout, pair.thing).filter(({ ageMs }) => ageMs <= withinMs);
  const rules = listMachineRules(host).find((one) => one.interface === pair.thing);
  return formatRefusals(found, rules);
}

/** Of the set, as nft lists it (1.0.6 and 1.1.3), those of one interface. Pure. */
export function parseRefusals(listed: string, name: string): Refusal[] {
  const element =
    /"([^"]+)" \. ([\d.]+) \. (\w+) \. (\d+)(?: timeout \w+)?(?: expires (\w+))? counter packets (\d+) bytes \d+(?: timeout \w+)?(?: expires (\w+))?/g;
  return Array.from(listed.matchAll(element)).flatMap(
    ([, own, address = "", protocol = "", port, before, packets, behind]) =>
      own !== name
        ? []
        : {
            address,
            protocol: PROTOCOLS[protocol] ?? protocol,
            port: Number(port),
            packets: Number(packets),
            ageMs: KEPT_MS - parseDuration(before ?? behind ?? ""),
          },
  );
}

/** nft of Debian 12 has numbers where /etc/protocols is not there. */
const PROTOCOLS: Readonly<Record<string, string>> = { "6": "tcp", "17": "udp" };

/** The time-out of the set's elements, which begins again with each packet. */
const KEPT_MS = 24 * 60 * 60 * 1000;
const UNITS: Readonly<Record<string, number>> = {
  d: 86_400_000,
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
};

/** Such as "23h59m46s80ms". */
function parseDuration(text: string): number {
  const parts = Array.from(text.matchAll(/(\d+)(ms|[dhms])/g));
  return parts.reduce((sum, [, count, unit = ""]) => sum + Number(count) * (UNITS[unit] ?? 0), 0);
}

const TOLD_MAX = 10;

/** Pure. */
export function formatRefusals(
  refusals: readonly Refusal[],
  rules: MachineRules | undefined,
): string | undefined {
  if (refusals.length === 0) return undefined;
  const told = refusals.slice(0, TOLD_MAX).map((refusal) => formatRefusal(refusal, rules));
  const more = refusals.length - told.length;
  return `Refused by this host's network rules: ${told.join(", ")}${more > 0 ? `, and ${more} more` : ""}.`;
}

function formatRefusal(
  { address, protocol, port, packets }: Refusal,
  rules: MachineRules | undefined,
): string {
  const name = rules?.places.find((place) => place.addresses.includes(address))?.name;
  const where = name === undefined ? address : `${name} (${address})`;
  return `${where} port ${port}/${protocol}, ${packets} packet${packets === 1 ? "" : "s"}`;
}
