import { expect, test } from "bun:test";
import { defaultLimits } from "./default-limits.ts";
import { parseHostCapacity } from "./host-capacity.ts";

test("what the kernel says of memory and processors", () => {
  const meminfo = "MemTotal:       16303028 kB\nMemFree:         1000000 kB\n";
  const stat = "cpu  1 2 3\ncpu0 1 2 3\ncpu1 1 2 3\nintr 5\n";
  expect(parseHostCapacity(meminfo, stat)).toEqual({ memoryBytes: 16303028 * 1024, cpus: 2 });
  expect(() => parseHostCapacity("", stat)).toThrow("no MemTotal");
});

test.each([
  ["half", 8 * 2 ** 30, 4 * 2 ** 30],
  ["what a system needs, where half is less", 2 ** 29 + 2 ** 28, 2 ** 29],
  ["all, where that is less", 2 ** 28, 2 ** 28],
])("a machine has %s of the host's memory by default", (_title, memoryBytes, expected) => {
  expect(defaultLimits({ memoryBytes, cpus: 1 }).memoryBytes).toBe(expected);
});
