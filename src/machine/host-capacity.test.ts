import { expect, test } from "bun:test";
import { defaultLimits, memoryHighOf } from "./default-limits.ts";
import { parseHostCapacity } from "./host-capacity.ts";

const GIB = 2 ** 30;
const HOST = { memoryBytes: 8 * GIB, swapBytes: 0, cpus: 1, tasks: 2 ** 22 };

test("what the kernel says of memory and processors", () => {
  const meminfo = "MemTotal:       16303028 kB\nMemFree: 1000000 kB\nSwapTotal:  2048 kB\n";
  const stat = "cpu  1 2 3\ncpu0 1 2 3\ncpu1 1 2 3\nintr 5\n";
  expect(parseHostCapacity(meminfo, stat)).toEqual({
    memoryBytes: 16303028 * 1024,
    swapBytes: 2 ** 21,
    cpus: 2,
  });
  expect(parseHostCapacity("MemTotal: 1 kB\n", stat).swapBytes).toBe(0);
  expect(() => parseHostCapacity("", stat)).toThrow("no MemTotal");
});

test.each([
  ["half", 8 * GIB, 4 * GIB],
  ["what a system needs, where half is less", 0.75 * GIB, GIB / 2],
  ["all, where that is less", GIB / 4, GIB / 4],
])("a machine has %s of the host's memory by default", (_title, memoryBytes, expected) => {
  expect(defaultLimits({ ...HOST, memoryBytes }).memoryBytes).toBe(expected);
});

test("and half of its swap, which may be none", () => {
  expect(defaultLimits(HOST)).not.toHaveProperty("swapBytes");
  expect(defaultLimits({ ...HOST, swapBytes: 2 * GIB }).swapBytes).toBe(GIB);
});

test.each([
  ["4096 tasks", 2 ** 22, 4096],
  ["a quarter of what the kernel has room for, where that is less", 7600, 1900],
])("and %s", (_title, tasks, expected) => {
  expect(defaultLimits({ ...HOST, tasks }).tasks).toBe(expected);
});

test("a machine is slowed down a little before its limit", () => {
  expect(memoryHighOf(4 * GIB)).toBe(3.875 * GIB);
});
