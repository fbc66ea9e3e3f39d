/**
 * Places that no machine reaches unless one is opened to it, wherever the host is. One list: the firewall's
 * rules, what a machine needs rules of its own for, and what a setting may not name, are all made of it.
 */
import { type AddressRange, rangeOf } from "../text/address.ts";

/**
 * Link-local addresses, with most clouds' metadata services; besides those Alibaba's, and Azure's
 * WireServer.
 */
export const NEVER_PLACES = ["169.254.0.0/16", "100.100.100.200", "168.63.129.16"] as const;

/** The firewall knows those behind the places by their type, whatever their addresses are. */
export const NEVER_RANGES: readonly AddressRange[] = [
  ...NEVER_PLACES,
  "224.0.0.0/4",
  "255.255.255.255",
].map(rangeOf);
