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
  readonly files: Pick<
    Host["files"],
    "ensureDirectory" | "probe" | "link" | "list" | "readLink" | "remove"
  >;
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
const TRIES_MAX = 256;

/** Takes a free pair out of the range. Throws when none is found. */
export function takeAddressPair(
  host: PairHost,
  name: MachineName,
  range: AddressRange,
): AddressPair {
  host.files.ensureDirectory(PAIRS_DIRECTORY, 0o700);
  for (const pair of freePairs(host, range)) {
    try {
      host.files.link(name, `${PAIRS_DIRECTORY}/${pair.interface}`);
      return pair;
    } catch (error) {
      if (error instanceof RunnerError) throw error;
      // Taken by another machine: the link is there. Try the next.
    }
  }
  throw noFreePair(range);
}

/** A pair that is free now, without taking it. */
export function findAddressPair(host: PairHost, range: AddressRange): AddressPair {
  for (const pair of freePairs(host, range)) return pair;
  throw noFreePair(range);
}

/**
 * One whose interface is there is not free, whoever made it: a machine's interface may outlive the
 * machine by a moment.
 */
function* freePairs(host: PairHost, range: AddressRange): Generator<AddressPair> {
  const pairs = rangeSize(range) / 2;
  const start = Number.parseInt(host.randomName(6), 36) % pairs;
  for (let attempt = 0; attempt < Math.min(pairs, TRIES_MAX); attempt += 1) {
    const pair = addressPair(range, (start + attempt * STRIDE) % pairs);
    const marks = [INTERFACES_DIRECTORY, PAIRS_DIRECTORY].map(
      (place) => `${place}/${pair.interface}`,
    );
    if (marks.every((mark) => host.files.probe(mark) === undefined)) yield pair;
  }
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

/** Pure. The name is the host's address in hexadecimal: at most 15 bytes fit (IFNAMSIZ). */
function addressPair(range: AddressRange, index: number): AddressPair {
  const address = range.first + index * 2;
  return {
    interface: `${INTERFACE_PREFIX}${address.toString(16).padStart(8, "0")}`,
    host: address,
    machine: address + 1,
  };
}

/**
 * Frees what the machine holds; nothing is fine. Asks the links, not the machine's state: a driver
 * may have died between the two.
 */
export function releaseAddressPair(host: Pick<PairHost, "files">, name: MachineName): void {
  if (host.files.probe(PAIRS_DIRECTORY) === undefined) return;
  for (const entry of host.files.list(PAIRS_DIRECTORY)) {
    const path = `${PAIRS_DIRECTORY}/${entry}`;
    if (host.files.probe(path)?.kind === "link" && host.files.readLink(path) === name) {
      host.files.remove(path);
    }
  }
}
