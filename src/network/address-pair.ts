/**
 * Two addresses for each live machine, never shared: the lower is the host's end of its link, the
 * upper the machine's. A pair is taken by creating a link named after it; `release` removes it.
 */
import type { Host } from "../host/host.ts";
import { type Address, type AddressRange, formatRange, rangeSize } from "../text/address.ts";
import { RunnerError } from "../text/errors.ts";
import type { MachineName } from "../text/names.ts";
import { INTERFACE_PREFIX, INTERFACES_DIRECTORY, PAIRS_DIRECTORY } from "./network-paths.ts";

/** The slice of the host that taking and releasing needs. */
export interface PairHost {
  readonly files: Pick<Host["files"], "probe">;
  readonly claims: Host["claims"];
  readonly randomName: Host["randomName"];
}

export interface AddressPair {
  /** The machine's interface on the host; also the name of what holds the pair. */
  readonly interface: string;
  readonly host: Address;
  readonly machine: Address;
}

/** Odd, so that it visits every pair of a range, whose size is a power of two. */
const STRIDE = 7;
/** Of a range that is full, no more are tried than this: the largest holds millions. */
const TRIES_MAX = 4096;

/** Claims a free pair out of the range. Throws when none is free. */
export function takeAddressPair(
  host: PairHost,
  name: MachineName,
  range: AddressRange,
): AddressPair {
  const taken = host.claims.take(PAIRS_DIRECTORY, name, candidates(host, range));
  if (taken === undefined) throw noFreePair(range);
  return toPair(taken);
}

/** A pair that is free now, without claiming it. */
export function findAddressPair(host: PairHost, range: AddressRange): AddressPair {
  const found = host.claims.find(PAIRS_DIRECTORY, candidates(host, range));
  if (found === undefined) throw noFreePair(range);
  return toPair(found);
}

/** Lets go of what the machine has; nothing is fine. By its name: a driver may die at any point. */
export function releaseAddressPair(host: Pick<PairHost, "claims">, name: MachineName): void {
  host.claims.release(PAIRS_DIRECTORY, name);
}

/**
 * Interfaces of pairs, in an order that begins anywhere. One that is there is no candidate, whoever
 * made it: a machine's interface may outlive the machine by a moment.
 */
function* candidates(host: PairHost, range: AddressRange): Generator<string> {
  const pairs = rangeSize(range) / 2;
  const start = Number.parseInt(host.randomName(6), 36) % pairs;
  for (let step = 0; step < Math.min(pairs, TRIES_MAX); step += 1) {
    const name = interfaceOf(range.first + ((start + step * STRIDE) % pairs) * 2);
    if (host.files.probe(`${INTERFACES_DIRECTORY}/${name}`) === undefined) yield name;
  }
}

/** The host's address in hexadecimal: at most 15 bytes fit (IFNAMSIZ). */
const interfaceOf = (address: Address): string =>
  `${INTERFACE_PREFIX}${address.toString(16).padStart(8, "0")}`;

/** By its interface's name. */
export function toPair(name: string): AddressPair {
  const address = Number.parseInt(name.slice(INTERFACE_PREFIX.length), 16);
  return { interface: name, host: address, machine: address + 1 };
}

function noFreePair(range: AddressRange): RunnerError {
  return new RunnerError({
    kind: "system",
    message: `Cannot find two free addresses in ${formatRange(range)} for another machine.`,
    hints: [
      `Each entry of "${PAIRS_DIRECTORY}" is a pair in use; "nspawn-runner gc" frees those of dead machines.`,
      "Or set network_range in the configuration to a larger range.",
    ],
  });
}
