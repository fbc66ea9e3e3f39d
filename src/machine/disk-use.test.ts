import { expect, test } from "bun:test";
import { openCount } from "./disk-use.ts";

test.each([
  ["files of one name each", ["1 16\n1 8\n"], { bytes: 24 * 512, inodes: 2 }],
  ["a file of three names", ["3 16\n3 16\n3 16\n"], { bytes: 16 * 512, inodes: 1 }],
  ["one without a name, open twice", ["0 16 8:1\n0 16 8:1\n"], { bytes: 16 * 512, inodes: 1 }],
  ["a line that comes in two parts", ["1 1", "6\n"], { bytes: 16 * 512, inodes: 1 }],
  ["nothing of what is no such line", ["find: gone\n\n1\n"], { bytes: 0, inodes: 0 }],
])("counts %s", (_title, parts, expected) => {
  const count = openCount();
  for (const part of parts) count.take(new TextEncoder().encode(part));
  expect(count.use()).toEqual(expected);
});
