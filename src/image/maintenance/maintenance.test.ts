import { expect, test } from "bun:test";
import fc from "fast-check";
import { RunnerError } from "../../text/errors.ts";
import { explainDue, refreshBucket } from "../build/inputs.ts";
import { orderByParent } from "./order.ts";
import { planMaintenance } from "./plan-maintenance.ts";

const inputs = {
  definition: "d",
  files: "f",
  create: "c",
  parent: "",
  bucket: "2026-11-24",
  words: "",
};
const current = { tree: "/r/a.v/a_1", pinned: false, inputs };
const facts = { definition: { recreate: false }, current, inputs, wish: "due" } as const;
const later = { ...inputs, bucket: "2026-11-25" };

test.each([
  ["nothing has changed", {}, "skip: it is up to date"],
  ["it is missing", { current: undefined }, "create: it does not exist yet"],
  ["a new day", { inputs: later }, "update: its packages may have changed since its last build"],
  ["a new day, but only missing ones", { inputs: later, wish: "missing" }, "skip: it exists"],
  [
    "a new day, recreated",
    { inputs: later, definition: { recreate: true } },
    "create: its packages may have changed since its last build",
  ],
  [
    "a new day, pinned",
    { inputs: later, current: { ...current, pinned: true } },
    "skip: its current generation is pinned",
  ],
  [
    "a new playbook",
    { inputs: { ...inputs, definition: "x" } },
    "update: its definition has changed",
  ],
  [
    "a new suite",
    { inputs: { ...inputs, definition: "x", create: "x" } },
    "create: the way it is created has changed",
  ],
  [
    "a new parent",
    { inputs: { ...inputs, parent: "base/2" } },
    "create: the image it extends has changed",
  ],
  [
    "a role has changed",
    { inputs: { ...inputs, files: "x" } },
    "update: files that its definition uses have changed",
  ],
  [
    "a directory put there by hand",
    { current: { ...current, inputs: undefined } },
    "update: it was not built from its definition yet",
  ],
  ["asked for", { wish: "all" }, "update: it was asked for"],
] as const)("when %s", (_, change, expected) => {
  const plan = planMaintenance({ ...facts, ...change });
  expect(`${plan.kind}: ${plan.reason}`).toBe(expected);
});

test("inputs that are the same are never due", () => {
  const text = fc.string();
  const any = fc.record({
    definition: text,
    files: text,
    create: text,
    parent: text,
    bucket: text,
    words: text,
  });
  fc.assert(
    fc.property(any, any, (before, now) => {
      const same = JSON.stringify(Object.entries(before)) === JSON.stringify(Object.entries(now));
      expect(explainDue(before, now) === undefined).toBe(same);
    }),
  );
});

test.each([
  ["daily", "2026-11-24T00:30:00", "2026-11-24T23:30:00", true],
  ["daily", "2026-11-24T23:30:00", "2026-11-25T00:30:00", false],
  ["weekly", "2026-11-23T00:30:00", "2026-11-29T23:30:00", true],
  ["weekly", "2026-11-29T23:30:00", "2026-11-30T00:30:00", false],
  ["never", "2026-11-24T00:30:00", "2036-11-24T00:30:00", true],
] as const)("%s: %s and %s are in one bucket: %p", (refresh, one, other, same) => {
  const of = (time: string): string => refreshBucket(refresh, new Date(time).getTime());
  expect(of(one) === of(other)).toBe(same);
});

test("what an image extends is built before it, and else the order stays", () => {
  const images = [
    { name: "tools", parent: "base" },
    { name: "other", parent: undefined },
    { name: "base", parent: "elsewhere" },
    { name: "more", parent: "tools" },
  ];
  expect(orderByParent(images).map((image) => image.name)).toEqual([
    "base",
    "tools",
    "other",
    "more",
  ]);
});

test("a circle is named", () => {
  const images = [
    { name: "a", parent: "b" },
    { name: "b", parent: "c" },
    { name: "c", parent: "b" },
  ];
  expect(() => orderByParent(images)).toThrow(
    new RunnerError({
      kind: "system",
      message: "Images extend each other in a circle: b → c → b.",
    }),
  );
});
