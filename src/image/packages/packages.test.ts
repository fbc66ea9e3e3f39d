import { expect, test } from "bun:test";
import fc from "fast-check";
import { RunnerError } from "../../text/errors.ts";
import { planForgetting } from "./forget.ts";
import { packagesKey, parsePackageRequest } from "./package-request.ts";

test.each([
  [undefined, undefined],
  ["", undefined],
  [" \n ", undefined],
  ["cmake", ["cmake"]],
  ["  libpq-dev   cmake\tg++\ncmake ", ["cmake", "g++", "libpq-dev"]],
  ["python3.13,gtk+3.0", ["gtk+3.0", "python3.13"]],
])("%j asks for %j", (text, names) => {
  expect(parsePackageRequest(text)).toEqual(names);
});

test.each([
  "-y",
  "--allow-unauthenticated",
  "./local.deb",
  "/tmp/x.deb",
  "cmake=3.1",
  "cmake;reboot",
  "$(reboot)",
  "nano-",
  "cmake/sid",
  "a\u001b[2J",
  "x".repeat(200),
])("%j is no package's name", (name) => {
  expect(() => parsePackageRequest(`cmake ${name}`)).toThrow(RunnerError);
});

test("whatever is asked, only plain names come out", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      let names: readonly string[] = [];
      try {
        names = parsePackageRequest(text) ?? [];
      } catch (error) {
        expect(error).toBeInstanceOf(RunnerError);
      }
      for (const name of names) expect(name).toMatch(/^[A-Za-z0-9][A-Za-z0-9.+_-]*$/);
    }),
  );
});

test("order and repetition make no difference; the base does", () => {
  const key = (base: string, text: string): string =>
    packagesKey(base, parsePackageRequest(text) ?? []);
  expect(key("trixie/1", "a1 b1 a1")).toBe(key("trixie/1", "b1 a1"));
  expect(key("trixie/1", "a1 b1")).not.toBe(key("trixie/2", "a1 b1"));
  expect(key("trixie/1", "a1 b1")).not.toBe(key("trixie/1", "a1"));
});

const one = { baseIsCurrent: true, used: false, lastUsedMs: 0, addedBytes: 10 };

test.each([
  ["nothing within the limits", { count: 3, bytes: 100 }, []],
  ["the least recently used, by count", { count: 1, bytes: 100 }, ["b", "c"]],
  ["the least recently used, by size", { count: 9, bytes: 15 }, ["b", "c"]],
])("goes: %s", (_, limits, keys) => {
  const all = [
    { ...one, key: "a", lastUsedMs: 3 },
    { ...one, key: "b", lastUsedMs: 1 },
    { ...one, key: "c", lastUsedMs: 2 },
  ];
  expect(planForgetting(all, limits)).toEqual(keys);
});

test("one whose base has changed goes, unless a machine uses it", () => {
  const all = [
    { ...one, key: "old", baseIsCurrent: false },
    { ...one, key: "old but used", baseIsCurrent: false, used: true },
    { ...one, key: "new" },
  ];
  expect(planForgetting(all, { count: 9, bytes: 1000 })).toEqual(["old"]);
  expect(planForgetting(all, { count: 0, bytes: 0 })).toEqual(["old", "new"]);
});
