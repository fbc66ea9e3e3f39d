import { expect, test } from "bun:test";
import { deleteRequest, listRequest } from "./connections.ts";
import { formatAttribute, formatMessage, parseAttributes, parseMessages } from "./netlink.ts";

const SOURCE = Buffer.from([10, 213, 4, 7]);
const HEAD = Buffer.from([2, 0, 0, 0]);
/** As the kernel lists one: its tuple, and its id. */
const listed = (source: Buffer): Buffer =>
  Buffer.concat([
    HEAD,
    formatAttribute(0x8001, formatAttribute(0x8001, formatAttribute(1, source))),
    formatAttribute(12, Buffer.from([1, 2, 3, 4])),
  ]);

test("a connection is deleted by its own tuple and id, and only of that address", () => {
  const request = deleteRequest(listed(SOURCE), SOURCE);
  const [message] = parseMessages(request ?? Buffer.alloc(0));
  expect(message?.type).toBe(0x102);
  const attributes = parseAttributes(message?.payload.subarray(4) ?? Buffer.alloc(0));
  expect([...attributes.keys()]).toEqual([1, 12]);
  expect(deleteRequest(listed(Buffer.from([10, 213, 4, 9])), SOURCE)).toBeUndefined();
  expect(deleteRequest(HEAD, SOURCE)).toBeUndefined();
});

test("the list is asked for by the address", () => {
  const [message] = parseMessages(listRequest(SOURCE));
  expect(message?.type).toBe(0x101);
  expect(message?.payload.includes(SOURCE)).toBe(true);
});

test("what is cut off is left out", () => {
  const whole = formatMessage(1, 0, formatAttribute(3, Buffer.from("abc")));
  for (let length = 0; length < whole.length; length += 1) {
    expect(parseMessages(whole.subarray(0, length))).toEqual([]);
  }
  expect(parseAttributes(Buffer.from([3, 0, 1, 0]))).toEqual(new Map());
});
