import { expect, test } from "bun:test";
import fc from "fast-check";
import { planCaches } from "./cache.ts";
import { sourcesScript, userScript } from "./job-scripts.ts";
import type { Cache } from "./pipeline/schema.ts";
import { readSourceWish } from "./source-wish.ts";

const PLACE = { shell: "bash", directory: "/tmp", variables: {}, files: {} } as const;

async function bash(script: readonly unknown[]): Promise<string> {
  const child = Bun.spawn(["bash", "-c", script.join("")], { stdout: "pipe" });
  return new Response(child.stdout).text();
}

test("values of variables reach the job as they are, whatever is in them", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.string().filter((text) => !text.includes("\0")),
      async (value) => {
        const place = { ...PLACE, variables: { V: value } };
        expect(await bash(userScript(place, [`printf '<%s>' "$V"`]))).toContain(`<${value}>`);
      },
    ),
    { numRuns: 30 },
  );
});

test("a variable of type file is a path, with the value there", async () => {
  const directory = `/tmp/nspawn-runner-test-${process.pid}`;
  const place = { ...PLACE, directory, files: { KEY: "two\nlines" } };
  const script = userScript(place, ['echo "$KEY"', 'cat "$KEY"']);
  const printed = await bash(["mkdir -p ", directory, "\n", ...script]);
  await bash([`rm -r ${directory} ${directory}.tmp`]);
  expect(printed).toContain(`${directory}.tmp/KEY\n`);
  expect(printed).toContain("two\nlines");
});

test("lines are shown before they run, long ones by their first", async () => {
  const printed = await bash(userScript(PLACE, ["echo one", "echo two\necho three"]));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours
  expect(printed.replace(/\u001b\[[\d;]*m/g, "")).toBe(
    "$ echo one\none\n$ echo two # collapsed multi-line command\ntwo\nthree\n",
  );
});

test.each([
  [{}, { depth: 20, submodules: "none", strategy: "checkout", lfs: true }],
  [{ GIT_DEPTH: "0" }, { depth: 0 }],
  [{ GIT_DEPTH: "3" }, { depth: 3 }],
  [{ GIT_DEPTH: "many" }, { depth: 20 }],
  [{ GIT_SUBMODULE_STRATEGY: "recursive" }, { submodules: "recursive" }],
  [{ GIT_STRATEGY: "none" }, { strategy: "none" }],
  [{ GIT_STRATEGY: "empty" }, { strategy: "empty" }],
  [{ GIT_STRATEGY: "clone" }, { strategy: "checkout" }],
  [{ GIT_CHECKOUT: "false" }, { strategy: "fetch only" }],
  [{ GIT_LFS_SKIP_SMUDGE: "1" }, { lfs: false }],
])("sources by %p", (variables, expected) => {
  expect(readSourceWish(variables as Record<string, string>)).toMatchObject(expected);
});

test.each(["GIT_STRATEGY", "GIT_SUBMODULE_STRATEGY"])(
  "a %s that is none is the job's fault",
  (name) => {
    expect(() => readSourceWish({ [name]: "odd" })).toThrow(`"odd" is no ${name}`);
  },
);

test("hooks: pre_get_sources_script runs before the sources are there", () => {
  const how = { strategy: "none", lfs: false, before: ["echo first"] } as const;
  const script = sourcesScript(PLACE, undefined, how).join("");
  expect(script.indexOf("echo first")).toBeLessThan(script.indexOf("mkdir -p"));
});

const CACHE = { key: "k", paths: ["p"], policy: "pull-push", when: "on_success" } as const;

test.each([
  [{}, "k", true, true, false],
  [{ key: "$A-x" }, "a-x", true, true, false],
  [{ key: "$NONE" }, "default", true, true, false],
  [{ key: { files: ["lock"] } }, "version of lock", true, true, false],
  [{ key: { files: ["lock"], prefix: "$A" } }, "a-version of lock", true, true, false],
  [{ policy: "pull" }, "k", true, false, false],
  [{ policy: "$PUSH" }, "k", false, true, false],
  [{ when: "on_failure" }, "k", true, false, true],
  [{ when: "always" }, "k", true, true, true],
  [{ paths: [], untracked: true }, "k", true, true, false],
] as const)("cache %p", (given, key, pull, onSuccess, onFailure) => {
  const caches = [{ ...CACHE, ...given } as unknown as Cache];
  const [cache] = planCaches(caches, { A: "a", PUSH: "push" }, (files) => `version of ${files}`);
  expect(cache).toMatchObject({ key: `${key}-non_protected`, pull });
  expect([cache?.push(true), cache?.push(false)]).toEqual([onSuccess, onFailure]);
});

test("without paths or untracked files there is no cache", () => {
  expect(planCaches([{ ...CACHE, paths: [] } as unknown as Cache], {}, () => "")).toEqual([]);
});

const PROTECTED = { CI_COMMIT_REF_PROTECTED: "true" };

test.each([
  [{}, PROTECTED, ["k-protected"]],
  [{ unprotect: true }, PROTECTED, ["k-non_protected"]],
  [
    { fallback_keys: ["a", "$B"] },
    { B: "b" },
    ["k-non_protected", "a-non_protected", "b-non_protected"],
  ],
  [
    { fallback_keys: ["a"] },
    { CACHE_FALLBACK_KEY: "all" },
    ["k-non_protected", "a-non_protected", "all"],
  ],
  [{}, { CACHE_FALLBACK_KEY: "main-protected" }, ["k-non_protected"]],
] as const)("keys of a cache %p, with %p", (given, variables, keys) => {
  const [cache] = planCaches([{ ...CACHE, ...given } as unknown as Cache], variables, () => "");
  expect([cache?.key, ...(cache?.fallbacks ?? [])]).toEqual([...keys]);
});

test("a policy of a cache that is none is told", () => {
  expect(() =>
    planCaches([{ ...CACHE, policy: "$NO" } as unknown as Cache], { NO: "x" }, () => ""),
  ).toThrow('"x" is no policy');
});
