import { expect, test } from "bun:test";
import { formatDiskLimit } from "./disk-limit.ts";

const GIB = 2 ** 30;

test.each([
  [4 * GIB, undefined],
  [GIB / 3, undefined],
  [
    GIB / 4,
    "The machine's disk was full, or all but: it has written 3840M, and may write 4G. Let the job write less, or ask for more by NSPAWN_DISK.",
  ],
  [
    0,
    "The machine's disk was full, or all but: it has written 4G, and may write 4G. Let the job write less, or ask for more by NSPAWN_DISK.",
  ],
])("%p bytes left of 4 GiB", (left, sentence) => {
  expect(formatDiskLimit(left, 4 * GIB)).toBe(sentence as string);
});
