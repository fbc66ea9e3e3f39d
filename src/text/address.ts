/** IPv4 addresses and ranges of them, as numbers and as text. Pure. */

/** 32 bits, unsigned. */
export type Address = number;

export interface AddressRange {
  readonly first: Address;
  /** How many leading bits all of its addresses share. */
  readonly prefix: number;
}

const ADDRESS_BITS = 32;

/** Nothing when the text is not four decimal numbers up to 255. One that begins with 0 may be an octal one. */
export function parseAddress(text: string): Address | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number);
  if (parts === undefined || parts.some((part) => part > 255)) return undefined;
  if (/(?:^|\.)0\d/.test(text)) return undefined;
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

/** The range that a text means whose address has bits behind its prefix; nothing for all else. */
export function rangeAround(text: string): AddressRange | undefined {
  const [start = "", length = ""] = text.split("/");
  const address = parseAddress(start);
  if (address === undefined || parseRange(text) !== undefined) return undefined;
  const wide = parseRange(`0.0.0.0/${length}`);
  if (wide === undefined) return undefined;
  return { first: address - (address % rangeSize(wide)), prefix: wide.prefix };
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

/** Whether all of `inner` is in `outer`. */
export const isWithin = (inner: AddressRange, outer: AddressRange): boolean =>
  inner.prefix >= outer.prefix && rangesOverlap(inner, outer);

/** 127.0.0.0/8: the host's own, which no machine can reach. */
export function isLoopback(address: Address): boolean {
  return address >>> 24 === 127;
}

/** Of an address or a range that was parsed before. */
export const rangeOf = (text: string): AddressRange =>
  parseRange(text) ?? { first: parseAddress(text) ?? 0, prefix: ADDRESS_BITS };
