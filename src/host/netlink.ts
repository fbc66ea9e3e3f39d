/** Messages of netlink(7) and their attributes, as bytes. Pure. */

const HEADER_BYTES = 16;
const ATTRIBUTE_BYTES = 4;
/** Bits of an attribute's type that say how it is written, not what it is. */
const TYPE_MASK = 0x3fff;
export const NESTED = 0x8000;

const aligned = (bytes: number): number => Math.ceil(bytes / 4) * 4;

export interface NetlinkMessage {
  readonly type: number;
  readonly payload: Buffer;
}

export function formatMessage(type: number, flags: number, payload: Buffer): Buffer {
  const message = Buffer.alloc(HEADER_BYTES + payload.length);
  message.writeUInt32LE(message.length, 0);
  message.writeUInt16LE(type, 4);
  message.writeUInt16LE(flags, 6);
  payload.copy(message, HEADER_BYTES);
  return message;
}

export function formatAttribute(type: number, ...parts: readonly Buffer[]): Buffer {
  const value = Buffer.concat([...parts]);
  const attribute = Buffer.alloc(ATTRIBUTE_BYTES + aligned(value.length));
  attribute.writeUInt16LE(ATTRIBUTE_BYTES + value.length, 0);
  attribute.writeUInt16LE(type, 2);
  value.copy(attribute, ATTRIBUTE_BYTES);
  return attribute;
}

/** What one read has brought. What is cut off is left out. */
export function parseMessages(bytes: Buffer): NetlinkMessage[] {
  const found: NetlinkMessage[] = [];
  for (let at = 0; at + HEADER_BYTES <= bytes.length; ) {
    const length = bytes.readUInt32LE(at);
    if (length < HEADER_BYTES || at + length > bytes.length) break;
    const payload = bytes.subarray(at + HEADER_BYTES, at + length);
    found.push({ type: bytes.readUInt16LE(at + 4), payload });
    at += aligned(length);
  }
  return found;
}

/** By their types. What is cut off is left out. */
export function parseAttributes(bytes: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (let at = 0; at + ATTRIBUTE_BYTES <= bytes.length; ) {
    const length = bytes.readUInt16LE(at);
    if (length < ATTRIBUTE_BYTES || at + length > bytes.length) break;
    const value = bytes.subarray(at + ATTRIBUTE_BYTES, at + length);
    found.set(bytes.readUInt16LE(at + 2) & TYPE_MASK, value);
    at += aligned(length);
  }
  return found;
}
