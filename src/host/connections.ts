/**
 * The kernel's table of connections, by netlink: no package that every host has brings a command for
 * it. Numbers are those of linux/netfilter/nfnetlink_conntrack.h.
 */
import { askNetlink } from "./libc.ts";
import { formatAttribute, formatMessage, NESTED, parseAttributes } from "./netlink.ts";

export interface Connections {
  /**
   * Forgets those that the address has begun: of a dead machine, whose address another gets, and
   * which would stay for five days where they were open. Throws where the kernel does not do that.
   */
  forget(address: string): void;
}

const CTNETLINK = 1 << 8;
const GET = CTNETLINK | 1;
const DELETE = CTNETLINK | 2;
const [REQUEST, ACK, DUMP] = [1, 4, 0x300];
const [TUPLE_ORIG, ID, ZONE, FILTER] = [1, 12, 18, 25];
const [TUPLE_IP, IP_V4_SRC] = [1, 1];
const [FILTER_ORIG_FLAGS, FILTER_IP_SRC] = [1, 1];
/** struct nfgenmsg: AF_INET, version 0, no resource. */
const FAMILY = Buffer.from([2, 0, 0, 0]);

export function openConnections(): Connections {
  return {
    forget: (address) => {
      const source = Buffer.from(address.split(".").map(Number));
      const found = askNetlink(listRequest(source)).flatMap(
        ({ type, payload }) => (type === CTNETLINK && deleteRequest(payload, source)) || [],
      );
      for (const request of found) askNetlink(request);
    },
  };
}

/** Filtered by the kernel since Linux 5.9; older ones send all. */
export function listRequest(source: Buffer): Buffer {
  const flags = Buffer.alloc(4);
  flags.writeUInt32LE(FILTER_IP_SRC);
  const none = formatAttribute(FILTER_ORIG_FLAGS + 1, Buffer.alloc(4));
  return formatMessage(
    GET,
    REQUEST | DUMP,
    Buffer.concat([
      FAMILY,
      formatAttribute(
        TUPLE_ORIG | NESTED,
        formatAttribute(TUPLE_IP | NESTED, formatAttribute(IP_V4_SRC, source)),
      ),
      formatAttribute(FILTER | NESTED, formatAttribute(FILTER_ORIG_FLAGS, flags), none),
    ]),
  );
}

/** Of a connection as it was listed; nothing where another has begun it. */
export function deleteRequest(payload: Buffer, source: Buffer): Buffer | undefined {
  const attributes = parseAttributes(payload.subarray(FAMILY.length));
  const tuple = attributes.get(TUPLE_ORIG);
  const ip = tuple && parseAttributes(tuple).get(TUPLE_IP);
  if (tuple === undefined || ip === undefined) return undefined;
  if (!parseAttributes(ip).get(IP_V4_SRC)?.equals(source)) return undefined;
  // The same connection, not one that has come in its place meanwhile.
  const same = [ID, ZONE].flatMap((type) => {
    const value = attributes.get(type);
    return value === undefined ? [] : [formatAttribute(type, value)];
  });
  const named = [formatAttribute(TUPLE_ORIG | NESTED, tuple), ...same];
  return formatMessage(DELETE, REQUEST | ACK, Buffer.concat([FAMILY, ...named]));
}
