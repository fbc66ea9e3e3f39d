/** A place that a machine may or may not reach. Pure. */
import {
  type AddressRange,
  formatAddress,
  formatRange,
  parseAddress,
  parseRange,
} from "../text/address.ts";

export interface NetworkTarget {
  /** Addresses, or a name whose addresses are looked up by the host and followed as they change. */
  readonly to:
    | { readonly kind: "range"; readonly range: AddressRange }
    | { readonly kind: "name"; readonly name: string };
  /** Every port and protocol when absent. */
  readonly port?: number | undefined;
}

/** One address. */
const ADDRESS_PREFIX = 32;
const PORT_MAX = 65_535;
const NAME_LENGTH_MAX = 253;
/** RFC 1123; an underscore is in use as well. */
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;

/** Of "192.0.2.1", "192.0.2.0/24" or "registry.example.com", each with a ":443" or without. */
export function parseNetworkTarget(text: string): NetworkTarget | undefined {
  const [, place = "", digits] = /^([^:]+)(?::([1-9]\d{0,4}))?$/.exec(text) ?? [];
  const port = digits === undefined ? {} : { port: Number(digits) };
  if (Number(digits ?? 0) > PORT_MAX) return undefined;
  const address = parseAddress(place);
  const range =
    address === undefined ? parseRange(place) : { first: address, prefix: ADDRESS_PREFIX };
  if (range !== undefined) return { to: { kind: "range", range }, ...port };
  const name = place.toLowerCase().replace(/\.$/, "");
  return isHostName(name) ? { to: { kind: "name", name }, ...port } : undefined;
}

/** One of digits and dots alone would be an address. */
const isHostName = (name: string): boolean =>
  name.length <= NAME_LENGTH_MAX &&
  /[a-z]/.test(name) &&
  name.split(".").every((label) => LABEL.test(label));

/** What `parseNetworkTarget` reads. */
export function formatNetworkTarget({ to, port }: NetworkTarget): string {
  return `${to.kind === "name" ? to.name : formatTargetRange(to.range)}${port === undefined ? "" : `:${port}`}`;
}

const formatTargetRange = (range: AddressRange): string =>
  range.prefix === ADDRESS_PREFIX ? formatAddress(range.first) : formatRange(range);
