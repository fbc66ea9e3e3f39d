import { expect, test } from "bun:test";
import fc from "fast-check";
import { planRemoval } from "./keep.ts";

const DAY = 86_400_000;
const NOW = 100 * DAY;
const plain = { current: false, pinned: false, used: false };

/** a is the oldest: 40 days; e is current. */
const generations = [
  { version: "a", ...plain, builtMs: NOW - 40 * DAY },
  { version: "b", ...plain, builtMs: NOW - 20 * DAY },
  { version: "c", ...plain, builtMs: NOW - 10 * DAY },
  { version: "d", ...plain, builtMs: NOW - 5 * DAY },
  { version: "e", ...plain, current: true, builtMs: NOW - 60 * DAY },
];

test.each([
  ["by count", { count: 2, days: 365 }, ["b", "a"]],
  ["by age", { count: 9, days: 15 }, ["b", "a"]],
  ["none kept", { count: 0, days: 30 }, ["d", "c", "b", "a"]],
])("old ones go %s", (_, rule, removed) => {
  expect(planRemoval(generations, rule, NOW)).toEqual(removed);
});

test("a pinned or used one stays, and takes no other's place", () => {
  const marked = generations.map((one) => ({
    ...one,
    pinned: one.version === "a",
    used: one.version === "c",
  }));
  expect(planRemoval(marked, { count: 1, days: 365 }, NOW)).toEqual(["b"]);
});

test("what must not go never goes, whatever the rule", () => {
  const candidate = fc.record({
    version: fc.uuid(),
    current: fc.boolean(),
    pinned: fc.boolean(),
    used: fc.boolean(),
    builtMs: fc.nat(NOW),
  });
  fc.assert(
    fc.property(fc.array(candidate), fc.nat(5), fc.nat(50), (all, count, days) => {
      const removed = new Set(planRemoval(all, { count, days }, NOW));
      for (const one of all) {
        if (one.current || one.pinned || one.used) expect(removed.has(one.version)).toBe(false);
      }
    }),
  );
});
