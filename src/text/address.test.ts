import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  formatAddress,
  formatRange,
  isLoopback,
  parseAddress,
  parseRange,
  rangeSize,
  rangesOverlap,
} from "./address.ts";

test("any address comes back from its text", () => {
  fc.assert(
    fc.property(fc.nat(0xffff_ffff), (address) => {
      expect(parseAddress(formatAddress(address))).toBe(address);
    }),
  );
});

test.each(["", "1.2.3", "1.2.3.256", "1.2.3.4.5", "a.b.c.d", "::1", " 1.2.3.4", "1.2.3.4\n"])(
  "%p is no address",
  (text) => {
    expect(parseAddress(text)).toBeUndefined();
  },
);

test.each([
  ["10.213.0.0/16", 65_536],
  ["0.0.0.0/0", 2 ** 32],
  ["255.255.255.255/32", 1],
])("%p is a range of %p", (text, size) => {
  const range = parseRange(text);
  if (range === undefined) throw new Error("not parsed");
  expect(formatRange(range)).toBe(text);
  expect(rangeSize(range)).toBe(size);
});

test.each(["10.0.0.1/8", "10.0.0.0/33", "10.0.0.0", "10.0.0.0/", "300.0.0.0/8", "10.0.0.0/8/8"])(
  "%p is no range",
  (text) => {
    expect(parseRange(text)).toBeUndefined();
  },
);

test.each([
  ["10.0.0.0/8", "10.213.0.0/16", true],
  ["10.213.4.0/24", "10.213.0.0/16", true],
  ["10.212.0.0/16", "10.213.0.0/16", false],
  ["10.214.0.0/16", "10.213.0.0/16", false],
  ["0.0.0.0/0", "255.0.0.0/8", true],
])("%p and %p overlap: %p", (one, other, answer) => {
  const [first, second] = [parseRange(one), parseRange(other)];
  if (first === undefined || second === undefined) throw new Error("not parsed");
  expect(rangesOverlap(first, second)).toBe(answer);
  expect(rangesOverlap(second, first)).toBe(answer);
});

test("loopback is 127.0.0.0/8", () => {
  const known = ["127.0.0.1", "127.0.0.53", "127.255.0.1", "128.0.0.1", "10.0.0.1"];
  expect(known.map((text) => isLoopback(parseAddress(text) ?? 0))).toEqual([
    true,
    true,
    true,
    false,
    false,
  ]);
});
