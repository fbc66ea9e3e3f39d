/** IPv4 addresses and ranges of them, as numbers and as text. Pure. */

/** 32 bits, unsigned. */
export type Address = number;

export interface AddressRange {
  readonly first: Address;
  /** How many leading bits all of its addresses share. */
  readonly prefix: number;
}

const ADDRESS_BITS = 32;

/** Nothing when the text is not four decimal numbers up to 255. */
export function parseAddress(text: string): Address | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number);
  if (parts === undefined || parts.some((part) => part > 255)) return undefined;
  return parts.reduce((address, part) => address * 256 + part, 0);
}

export function formatAddress(address: Address): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join(".");
}

/** Nothing when the text is not ADDRESS/PREFIX, or its address has bits behind the prefix. */
export function parseRange(text: string): AddressRange | undefined {
  const [, start = "", length = ""] = /^([\d.]+)\/(\d{1,2})$/.exec(text) ?? [];
  const first = parseAddress(start);
  const prefix = Number(length);
  if (first === undefined || length === "" || prefix > ADDRESS_BITS) return undefined;
  return first % rangeSize({ first, prefix }) === 0 ? { first, prefix } : undefined;
}

export function formatRange({ first, prefix }: AddressRange): string {
  return `${formatAddress(first)}/${prefix}`;
}

export function rangeSize({ prefix }: AddressRange): number {
  return 2 ** (ADDRESS_BITS - prefix);
}

export function rangesOverlap(one: AddressRange, other: AddressRange): boolean {
  return one.first < other.first + rangeSize(other) && other.first < one.first + rangeSize(one);
}

/** 127.0.0.0/8: the host's own, which no machine can reach. */
export function isLoopback(address: Address): boolean {
  return address >>> 24 === 127;
}
