import { expect, test } from "bun:test";
import fc from "fast-check";
import { formatAge, formatSize, parseSize } from "./sizes.ts";

test.each([
  ["512", 512],
  ["1K", 1024],
  ["512M", 536_870_912],
  ["2G", 2_147_483_648],
  ["0", 0],
])("%p is %p bytes", (text, bytes) => {
  expect(parseSize(text)).toBe(bytes);
});

test.each(["", "G", "2g", "2 G", "-1", "1.5G", "1e3", "2GB", "9999999999999T", "999999999999T"])(
  "%p is no size",
  (text) => {
    expect(parseSize(text)).toBeUndefined();
  },
);

test("whatever is parsed is a safe whole number", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^\d{1,14}[KMGT]?$/)), (text) => {
      const bytes = parseSize(text);
      if (bytes !== undefined) expect(Number.isSafeInteger(bytes) && bytes >= 0).toBe(true);
    }),
  );
});

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1000, "1.0 kB"],
  [9_960, "10 kB"],
  [328_000_000, "328 MB"],
  [999_600, "1.0 MB"],
])("%p bytes are shown as %p", (bytes, text) => {
  expect(formatSize(bytes)).toBe(text);
});

test.each([
  [0, "0 seconds"],
  [1000, "1 second"],
  [3_600_000, "1 hour"],
  [3 * 86_400_000 + 5, "3 days"],
])("%p ms are shown as %p", (ms, text) => {
  expect(formatAge(ms)).toBe(text);
});
