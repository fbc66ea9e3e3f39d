import { expect, test } from "bun:test";
import { parseMountPoints } from "./mount-table.ts";

test("mount points come out as the bytes they are", () => {
  const table = Buffer.concat([
    Buffer.from("22 1 0:21 / / rw shared:1 - ext4 /dev/sda1 rw\n"),
    Buffer.from("90 22 0:40 /a /tmp/a\\040b\\134c\\012d rw - tmpfs tmpfs rw\n"),
    Buffer.from("91 22 0:41 / /tmp/"),
    Buffer.from([0xff, 0xe9]),
    Buffer.from(" rw - tmpfs tmpfs rw\n"),
  ]);
  expect(parseMountPoints(table)).toEqual([
    Buffer.from("/"),
    Buffer.from("/tmp/a b\\c\nd"),
    Buffer.concat([Buffer.from("/tmp/"), Buffer.from([0xff, 0xe9])]),
  ]);
});
