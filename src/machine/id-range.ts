/**
 * A range of host ids for each live machine, never shared: to the kernel, what runs in two machines
 * are two sets of users. A range is claimed under its machine's name; `release` lets go of it.
 */
import type { Host } from "../host/host.ts";
import { RunnerError } from "../text/errors.ts";
import type { MachineName } from "../text/names.ts";
import { RANGES_DIRECTORY } from "./machine-paths.ts";

/** As many as systemd gives a container ("Users, Groups, UIDs and GIDs on systemd systems"). */
export const ID_COUNT = 65_536;
/**
 * Ids that nobody else hands out: above those of nspawn's own `pick` and systemd-nsresourced
 * (524288 to 1879048191), below those of foreign disks (2147352576 on; same document), and far above
 * what /etc/subuid begins with.
 */
const SHIFT_MIN = 0x7000_0000;
const SHIFT_END = 0x7ffe_0000;
const RANGES = (SHIFT_END - SHIFT_MIN) / ID_COUNT;
/** Coprime to the number of ranges, so that every range is visited, and neighbours are not. */
const STRIDE = 7;

type RangesHost = Pick<Host, "claims" | "randomName">;

/** Claims a free range for the machine; its first id. Throws when none is free. */
export function takeIdRange(host: RangesHost, name: MachineName): number {
  return toShift(host.claims.take(RANGES_DIRECTORY, name, candidates(host)));
}

/** A range that is free now, without claiming it. */
export function findIdRange(host: RangesHost): number {
  return toShift(host.claims.find(RANGES_DIRECTORY, candidates(host)));
}

/** Lets go of what the machine has: by its name, for a driver may die before it noted a range. */
export function releaseIdRanges(host: Pick<Host, "claims">, name: MachineName): void {
  host.claims.release(RANGES_DIRECTORY, name);
}

/** All ranges, in an order that begins anywhere: two machines seldom try the same one. */
function* candidates(host: Pick<Host, "randomName">): Generator<string> {
  const start = Number.parseInt(host.randomName(6), 36) % RANGES;
  for (let step = 0; step < RANGES; step += 1) {
    yield String(SHIFT_MIN + ((start + step * STRIDE) % RANGES) * ID_COUNT);
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
