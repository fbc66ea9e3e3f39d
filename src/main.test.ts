/** What every call has to load: it is most of the time of a short one. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const transpiler = new Bun.Transpiler({ loader: "ts" });

/** The files and packages that come with a file: static imports, types left out. */
function loadedWith(path: string, seen: Set<string> = new Set()): Set<string> {
  seen.add(path);
  if (!path.endsWith(".ts")) return seen;
  for (const { path: name, kind } of transpiler.scanImports(readFileSync(path, "utf8"))) {
    if (kind !== "import-statement") continue;
    const target = name.startsWith(".") ? join(dirname(path), name) : name;
    if (seen.has(target)) continue;
    if (name.startsWith(".")) loadedWith(target, seen);
    else seen.add(target);
  }
  return seen;
}

const isPackage = (name: string): boolean => !/^(\/|node:|bun:)/.test(name);

test.each([
  ["main.ts", []],
  ["cli/config.ts", ["fastest-levenshtein", "smol-toml", "valibot"]],
  ["cli/prepare.ts", ["fastest-levenshtein", "smol-toml", "valibot"]],
  ["cli/run.ts", ["valibot"]],
  ["cli/cleanup.ts", []],
  ["cli/release.ts", ["valibot"]],
  ["cli/launch.ts", []],
])("%s loads the packages %p", (file, packages) => {
  const loaded = [...loadedWith(join(import.meta.dir, file))];
  expect(loaded.filter(isPackage).toSorted()).toEqual(packages);
  const streams = loaded.filter((path) => {
    if (!path.endsWith(".ts")) return false;
    const code = transpiler.transformSync(readFileSync(path, "utf8")); // without comments
    return /process\.std(out|err|in)\b/.test(code);
  });
  // Each costs 6 ms to make, where a write to its descriptor does as well.
  expect(streams).toEqual([]);
});
