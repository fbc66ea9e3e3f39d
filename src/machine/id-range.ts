/**
 * A range of host ids for each live machine, never shared: to the kernel, what runs in two machines
 * are two sets of users. A range is claimed under its machine's name; `release` lets go of it.
 */
import type { Host } from "../host/host.ts";
import { RunnerError } from "../text/errors.ts";
import type { MachineName } from "../text/names.ts";
import type { Loosening } from "./loosening.ts";
import { RANGES_DIRECTORY } from "./machine-paths.ts";

/** As many as systemd gives a container ("Users, Groups, UIDs and GIDs on systemd systems"). */
const USUAL_COUNT = 65_536;
/** Those, and what /etc/subuid has of its first two users where it begins with 100,000 (login.defs(5)). */
const NESTING_COUNT = 4 * USUAL_COUNT;
/**
 * Ids that nobody else hands out: above those of nspawn's own `pick` and systemd-nsresourced
 * (524288 to 1879048191), below those of foreign disks (2147352576 on; same document), and far above
 * what /etc/subuid begins with.
 */
const USUAL: Area = { min: 0x7000_0000, end: 0x7800_0000, count: USUAL_COUNT };
const NESTING: Area = { min: 0x7800_0000, end: 0x7ff8_0000, count: NESTING_COUNT };
/** Coprime to the number of ranges in either, so that every range is visited, and neighbours are not. */
const STRIDE = 7;

interface Area {
  readonly min: number;
  readonly end: number;
  /** Of one range in it. */
  readonly count: number;
}

type RangesHost = Pick<Host, "claims" | "randomName">;

/** How many ids a machine has: more where users in it hand out ids themselves, to containers. Pure. */
export const idCount = ({ nesting }: Pick<Loosening, "nesting">): number => areaOf(nesting).count;

const areaOf = (nesting: boolean): Area => (nesting ? NESTING : USUAL);

/** Claims a free range for the machine; its first id. Throws when none is free. */
export function takeIdRange(
  host: RangesHost,
  name: MachineName,
  { nesting }: Pick<Loosening, "nesting">,
): number {
  return toShift(host.claims.take(RANGES_DIRECTORY, name, candidates(host, areaOf(nesting))));
}

/** A range that is free now, without claiming it. */
export function findIdRange(host: RangesHost, { nesting }: Pick<Loosening, "nesting">): number {
  return toShift(host.claims.find(RANGES_DIRECTORY, candidates(host, areaOf(nesting))));
}

/** Lets go of what the machine has: by its name, for a driver may die before it noted a range. */
export function releaseIdRanges(host: Pick<Host, "claims">, name: MachineName): void {
  host.claims.release(RANGES_DIRECTORY, name);
}

/** All ranges, in an order that begins anywhere: two machines seldom try the same one. */
function* candidates(host: RangesHost, { min, end, count }: Area): Generator<string> {
  // A release before has machines anywhere.
  const taken = host.claims.list(RANGES_DIRECTORY).map(({ thing }) => Number(thing));
  const ranges = (end - min) / count;
  const start = Number.parseInt(host.randomName(6), 36) % ranges;
  for (let step = 0; step < ranges; step += 1) {
    const shift = min + ((start + step * STRIDE) % ranges) * count;
    if (taken.some((other) => other > shift && other < shift + count)) continue;
    yield String(shift);
  }
}

function toShift(range: string | undefined): number {
  if (range !== undefined) return Number(range);
  throw new RunnerError({
    kind: "system",
    message: "Cannot find a free range of user ids for another machine.",
    hints: [
      `Each entry of "${RANGES_DIRECTORY}" is one in use; "nspawn-runner gc" frees those of dead machines.`,
    ],
  });
}
