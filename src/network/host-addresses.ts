/** The host's own addresses. Pure. */

/** /proc/net/fib_trie: the kernel's routes as a tree; a leaf "host LOCAL" is an address of this host. */
export function parseHostAddresses(text: string): Set<string> {
  const leaf = /\|-- (\d+\.\d+\.\d+\.\d+)\n\s+\/32 host LOCAL/g;
  return new Set(Array.from(text.matchAll(leaf), ([, address = ""]) => address));
}
