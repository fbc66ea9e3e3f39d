import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { openClaims } from "./claims.ts";
import { openFiles } from "./files.ts";

const scratch = mkdtempSync(`${tmpdir()}/claims-`);
afterAll(() => rmSync(scratch, { recursive: true }));
const files = openFiles();
let directories = 0;
const newDirectory = (): string => {
  directories += 1;
  return `${scratch}/${directories}`;
};

test("each thing has one owner, until it lets go", () => {
  const claims = openClaims(files);
  const directory = newDirectory();
  expect(claims.list(directory)).toEqual([]);
  expect(claims.take(directory, "one", ["a", "b"])).toBe("a");
  expect(claims.find(directory, ["a", "b"])).toBe("b");
  expect(claims.take(directory, "two", ["a", "b"])).toBe("b");
  expect(claims.take(directory, "three", ["a", "b"])).toBeUndefined();
  expect(claims.find(directory, ["a", "b"])).toBeUndefined();
  claims.release(directory, "one");
  claims.release(directory, "one");
  expect(claims.list(directory)).toEqual([{ thing: "b", owner: "two" }]);
  expect(claims.take(directory, "three", ["a", "b"])).toBe("a");
});

test("what vanishes while it is looked at is absent, and what is no claim is none", () => {
  const directory = newDirectory();
  const plain = openClaims(files);
  for (const thing of ["a", "b", "c"]) plain.take(directory, "one", [thing]);
  writeFileSync(`${directory}/stray`, "");
  // Another process lets go of "b" between our list and our look.
  const claims = openClaims({
    ...files,
    list: (path) => {
      const entries = files.list(path);
      files.remove(`${directory}/b`);
      return entries;
    },
  });
  expect(claims.list(directory).map(({ thing }) => thing)).toEqual(["a", "c"]);
  claims.release(directory, "one");
  expect(files.list(directory)).toEqual(["stray"]);
});

test("a directory that cannot be written is an error, never a thing that is taken", () => {
  const directory = newDirectory();
  writeFileSync(directory, "");
  expect(() => openClaims(files).take(directory, "one", ["a"])).toThrow();
});
