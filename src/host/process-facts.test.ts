import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { parseProcessStat, probeProcess } from "./process-facts.ts";

const REST = "1 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 98765 1000 200 18446744073709551615";

test.each([
  ["a plain name", "gitlab-runner", { command: "gitlab-runner" }],
  ["blanks and parentheses in it", "a) S (b 1", { command: "a) S (b 1" }],
  ["a line's end in it", "a\nb", { command: "a\nb" }],
])("a process with %s", (_title, name, expected) => {
  const facts = { id: 42, parent: 1, startTicks: 98_765, ...expected };
  expect(parseProcessStat(`42 (${name}) S ${REST}\n`)).toEqual(facts);
});

test.each(["Z", "X"])("one in state %s does not run any more", (state) => {
  expect(parseProcessStat(`42 (sh) ${state} ${REST}\n`)).toBeUndefined();
});

test("this process, its parent, and one that cannot be", () => {
  const own = probeProcess(process.pid);
  expect(own).toMatchObject({ id: process.pid, parent: process.ppid });
  expect(own?.command).toBe(readFileSync("/proc/self/comm", "utf8").trimEnd());
  expect(probeProcess(2 ** 22 + 1)).toBeUndefined();
});
