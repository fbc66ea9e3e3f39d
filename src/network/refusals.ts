/** What the firewall has refused to a machine, for its job's log. */
import type { Host } from "../host/host.ts";
import type { MachineName } from "../text/names.ts";
import { onlyWarn } from "../text/only-warn.ts";
import { CROWDED_SET, REFUSED_SET, TABLE } from "./firewall-rules.ts";
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
 * Sentences on what was refused within that time; none where nothing was, or the machine has no network
 * of its own. Never throws: it is told beside what matters.
 */
export async function tellRefusals(
  host: Host,
  name: MachineName,
  withinMs: number,
): Promise<string[]> {
  const pair = host.claims.list(PAIRS_DIRECTORY).find(({ owner }) => owner === name);
  if (pair === undefined) return [];
  const list = async (set: string): Promise<string> => {
    let text = "";
    await onlyWarn(host.log, "look at what the firewall has refused", async () => {
      const listed = await host.processes.run(["nft", "list", "set", ...TABLE, set]);
      if (listed.exitCode === 0) text = listed.stdout;
    });
    return text;
  };
  const [refused, crowded] = await Promise.all([list(REFUSED_SET), list(CROWDED_SET)]);
  const isRecent = ({ ageMs }: { readonly ageMs: number }): boolean => ageMs <= withinMs;
  const rules = listMachineRules(host).find((one) => one.interface === pair.thing);
  return [
    ...formatRefusals(parseRefusals(refused, pair.thing).filter(isRecent), rules),
    ...parseCrowding(crowded, pair.thing).filter(isRecent).map(formatCrowding),
  ];
}

/** Packets of connections beyond the share of a machine. */
interface Crowding {
  readonly packets: number;
  readonly ageMs: number;
}

/** Of the set, as nft lists it, that of one interface: at most one. Pure. */
export function parseCrowding(listed: string, name: string): Crowding[] {
  const element = new RegExp(`"([^"]+)"${COUNTED}`, "g");
  return Array.from(listed.matchAll(element)).flatMap(([, own, before, packets, behind]) =>
    own === name ? { packets: Number(packets), ageMs: ageOf(before ?? behind) } : [],
  );
}

/** Pure. */
export const formatCrowding = ({ packets }: Crowding): string =>
  `This machine had more connections at a time than its share of the host's, or began them too fast: ${formatPackets(packets)} of new ones did not get through.`;

/** Of the set, as nft lists it (1.0.6 and 1.1.3), those of one interface. Pure. */
export function parseRefusals(listed: string, name: string): Refusal[] {
  const element = new RegExp(`"([^"]+)" \\. ([\\d.]+) \\. (\\w+) \\. (\\d+)${COUNTED}`, "g");
  return Array.from(listed.matchAll(element)).flatMap(
    ([, own, address = "", protocol = "", port, before, packets, behind]) =>
      own !== name
        ? []
        : {
            address,
            protocol: PROTOCOLS[protocol] ?? protocol,
            port: Number(port),
            packets: Number(packets),
            ageMs: ageOf(before ?? behind),
          },
  );
}

/** What stands behind an element's key: its time may be there before its counter, or after it. */
const COUNTED =
  "(?: timeout \\w+)?(?: expires (\\w+))? counter packets (\\d+) bytes \\d+(?: timeout \\w+)?(?: expires (\\w+))?";

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

const ageOf = (expires = ""): number => KEPT_MS - parseDuration(expires);

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
): string[] {
  if (refusals.length === 0) return [];
  const told = refusals.slice(0, TOLD_MAX).map((refusal) => formatRefusal(refusal, rules));
  const more = refusals.length - told.length;
  const all = refusals.reduce((sum, { packets }) => sum + packets, 0);
  const total = refusals.length > 1 ? ` (${formatPackets(all)} to ${refusals.length} places)` : "";
  return [
    `Refused by this host's network rules${total}: ${told.join(", ")}${more > 0 ? `, and ${more} more` : ""}.`,
  ];
}

function formatRefusal(
  { address, protocol, port, packets }: Refusal,
  rules: MachineRules | undefined,
): string {
  const name = rules?.places.find((place) => place.addresses.includes(address))?.name;
  const where = name === undefined ? address : `${name} (${address})`;
  return `${where} port ${port}/${protocol}, ${formatPackets(packets)}`;
}

const formatPackets = (count: number): string => `${count} packet${count === 1 ? "" : "s"}`;
