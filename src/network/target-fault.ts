/** What a machine never reaches, whatever is said: a setting that names it would do nothing. Pure. */
import { type AddressRange, isWithin, rangeOf } from "../text/address.ts";
import type { NetworkTarget } from "./network-target.ts";
import { NEVER_RANGES } from "./never-places.ts";

/** A machine has a loopback of its own; "this network" (RFC 1122) is no place at all. */
const NOWHERE = ["127.0.0.0/8", "0.0.0.0/8"].map(rangeOf);
/** RFC 6761, 6.3. */
const LOOPBACK_NAME = /(?:^|\.)localhost$/;

/** Half a sentence behind a setting that has the place in that list; nothing where it does something. */
export function targetFault(
  list: "allow" | "deny" | "open",
  { to }: NetworkTarget,
): string | undefined {
  const isNowhere = to.kind === "name" ? LOOPBACK_NAME.test(to.name) : isInOneOf(to.range, NOWHERE);
  if (isNowhere) return "is loopback, which each machine has of its own";
  if (list !== "allow" || to.kind === "name" || !isInOneOf(to.range, NEVER_RANGES))
    return undefined;
  return "is refused to all machines, unless network_open opens it";
}

const isInOneOf = (range: AddressRange, places: readonly AddressRange[]): boolean =>
  places.some((place) => isWithin(range, place));
