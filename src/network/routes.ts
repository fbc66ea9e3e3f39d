/** The host's routes, as far as machines' networks depend on them. Pure. */

import {
  type Address,
  type AddressRange,
  formatRange,
  parseRange,
  rangesOverlap,
} from "../text/address.ts";
import { RunnerError } from "../text/errors.ts";
import { INTERFACE_PREFIX } from "./network-paths.ts";

export interface Route {
  /**
   * Of a route by several ways, or by a group of them, the first. Nothing where it leads nowhere
   * (blackhole, unreachable, prohibit, throw).
   */
  readonly interface: string | undefined;
  readonly destination: AddressRange;
  readonly metric: number;
}

/**
 * /proc/net/route (proc(5)): the IPv4 routes of the main table, numbers in hexadecimal with the
 * bytes in the host's order, which is little-endian wherever this project runs.
 */
export function parseRoutes(text: string): Route[] {
  return text
    .split("\n")
    .slice(1)
    .flatMap((line) => {
      const [name, destination, , , , , metric, mask] = line.trim().split(/\s+/);
      if (name === undefined || !isNumber(destination) || !isNumber(mask)) return [];
      const prefix = swapBytes(mask).toString(2).replaceAll("0", "").length;
      const first = swapBytes(destination);
      const out = name === NOWHERE ? undefined : name;
      return [{ interface: out, destination: { first, prefix }, metric: Number(metric) }];
    });
}

/** In the place of an interface (the kernel's fib_route_seq_show()). */
const NOWHERE = "*";

const isNumber = (hex: string | undefined): hex is string => /^[0-9A-Fa-f]{8}$/.test(hex ?? "");

function swapBytes(hex: string): Address {
  return Buffer.from(hex, "hex").readUInt32LE();
}

/** The interface of the default route that the kernel prefers, of those that lead anywhere. */
export function findUplink(routes: readonly Route[]): string | undefined {
  return routes
    .filter((route) => route.destination.prefix === 0 && route.interface !== undefined)
    .sort((one, other) => one.metric - other.metric)[0]?.interface;
}

/** Ranges to propose; those of documents and tests come last, few networks use them. */
const PROPOSED_RANGES = ["10.213.0.0/16", "172.29.0.0/16", "192.168.213.0/24", "198.18.0.0/16"];

/**
 * Throws a system error when the host already sends some of the range elsewhere: machines would hide
 * those hosts, or not be reached.
 */
export function requireFreeRange(routes: readonly Route[], range: AddressRange): void {
  const conflict = findConflict(routes, range);
  if (conflict === undefined) return;
  const free = PROPOSED_RANGES.find((text) => {
    const proposed = parseRange(text);
    return proposed !== undefined && findConflict(routes, proposed) === undefined;
  });
  throw new RunnerError({
    kind: "system",
    message: `The range of machines' addresses, ${formatRange(range)}, is in use on this host: it has a route to ${formatRange(conflict.destination)} by "${conflict.interface}".`,
    hints: [
      `Set network_range in the configuration to a private range that is free${free === undefined ? "" : `, such as "${free}"`}.`,
    ],
  });
}

/**
 * Default routes are no claim to a range, nor are their halves, as VPNs set them. What leads nowhere hides
 * no hosts, and machines' own routes go before it, being for less.
 */
const CLAIM_PREFIX_MIN = 2;

function findConflict(routes: readonly Route[], range: AddressRange): Route | undefined {
  return routes.find(
    (route) =>
      route.destination.prefix >= CLAIM_PREFIX_MIN &&
      route.interface !== undefined &&
      !route.interface.startsWith(INTERFACE_PREFIX) &&
      rangesOverlap(route.destination, range),
  );
}
