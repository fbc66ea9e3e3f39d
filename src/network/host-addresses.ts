/** The host's own addresses, and those that are for all in its networks. Pure. */
import { type AddressRange, parseAddress } from "../text/address.ts";

/**
 * /proc/net/fib_trie: the kernel's routes as a tree, a leaf's address and below it a line for each route
 * that begins there. "LOCAL" is the host itself, by one address or a range of them ("ip route add local").
 */
export function parseHostAddresses(text: string): AddressRange[] {
  const found = new Map<string, AddressRange>();
  let first: number | undefined;
  for (const line of text.split("\n")) {
    const [, leaf] = /^\s+\|-- ([\d.]+)$/.exec(line) ?? [];
    if (leaf !== undefined) first = parseAddress(leaf);
    const [, prefix] = /^\s+\/(\d+) \w+ (?:LOCAL|BROADCAST|ANYCAST)$/.exec(line) ?? [];
    if (first === undefined || prefix === undefined) continue;
    // Each stands in the tables "local" and "main" at times.
    found.set(`${first}/${prefix}`, { first, prefix: Number(prefix) });
  }
  return [...found.values()];
}
