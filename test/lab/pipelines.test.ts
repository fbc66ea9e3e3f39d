/**
 * Whole pipelines by `exec --all`, shaped as those of well-known projects are, and each green. They are in
 * `test/pipelines`, a repository each.
 */
import { expect, test } from "bun:test";
import { cpSync, mkdtempSync } from "node:fs";
import { cleanUpAfterEach, command, type Ended, later, openRunner, start } from "./harness.ts";

cleanUpAfterEach();

const runner = openRunner(
  { kind: "btrfs", root: "/fs/btrfs/root" },
  'default_image = "nosystemd"\n',
);

const IDENTITY = "git config user.name Test; git config user.email test@example.com";
const ORIGIN = "git remote add origin https://gitlab.example.org/group/sample.git";

/** One commit of the sample, and what `more` does in it; all of its pipeline. */
async function runAll(name: string, more = ""): Promise<Ended> {
  const directory = mkdtempSync("/tmp/nspawn-runner-pipeline-");
  later(() => command("rm", "-rf", directory));
  cpSync(`${import.meta.dir}/../pipelines/${name}`, directory, { recursive: true });
  const commit = `cd "$1"; git init -q -b main .; ${IDENTITY}; ${ORIGIN}; git add .; git commit -q -m "First commit"; ${more}`;
  expect(await command("sh", "-ec", commit, "sh", directory)).toMatchObject({ code: 0 });
  const words = ["env", "-C", directory, "nspawn-runner", "exec", "--all"];
  return start(words, runner.environment).ended;
}

/** Stage, job and end of each row of the table at the end. */
const rowsOf = (stdout: string): string[] =>
  stdout
    .split("\n")
    .filter((line) => / {2}(passed|FAILED|failed \(allowed\)|skipped|manual, not run)/.test(line))
    .map((row) => row.replace(/ +[\d.]+ s$/, "").replace(/ {2,}/g, " | "));

interface Expected {
  readonly more?: string;
  readonly rows: readonly string[];
  /** What jobs say, and what is said of them. */
  readonly said?: readonly string[];
}

const PIPELINES: Readonly<Record<string, Expected>> = {
  "c-library": {
    rows: [
      "build | compile: [gcc, c99] | passed",
      "build | compile: [gcc, c17] | passed",
      "build | compile: [clang, c99] | passed",
      "build | compile: [clang, c17] | passed",
      "build | compile: [tcc, c99, -g] | passed",
      "test | test | passed",
      "test | test-sanitized | passed",
      "test | style | failed (allowed)",
      "package | tarball | passed",
    ],
    said: ["options detect_leaks=1:halt_on_error=0"],
  },
  "rust-crate": {
    rows: [
      ".pre | fetch | passed",
      "test | lint | passed",
      "test | test | passed",
      "test | nightly | manual, not run",
    ],
    said: ["97.50% coverage"],
  },
  "python-package": {
    rows: [
      "test | tests: [3.9, minimal] | passed",
      "test | tests: [3.9, all] | passed",
      "test | tests: [3.13, minimal] | passed",
      "test | tests: [3.13, all] | passed",
      "report | coverage | passed",
    ],
    said: ["covered by 3.13 all (4/4)"],
  },
  "node-site": {
    rows: [
      "install | install | passed",
      "check | lint | passed",
      "check | build | passed",
      "deploy | pages | passed",
    ],
    said: ["linted"],
  },
  "debian-package": {
    rows: [
      "build | build | passed",
      "build | build source | passed",
      "test | lintian | passed",
      "test | autopkgtest | passed",
    ],
    said: ["Building for trixie", "lintian --pedantic package 1.2-3 nodoc parallel=2"],
  },
  kernel: {
    more: "git branch base; echo 'config USB' > drivers/net/Kconfig; git commit -q -a -m Second",
    rows: [
      "build | build:x86 | passed",
      "build | build:arm64 | passed",
      "test | kunit | passed",
      "test | boot | passed",
    ],
    said: ["suites drivers with out-arm64 out-x86_64"],
  },
  "go-project": {
    rows: [
      "prepare | version | passed",
      "test | unit | passed",
      "build | binary: [linux, amd64] | passed",
      "build | binary: [linux, arm64] | passed",
      "build | binary: [darwin, arm64] | passed",
      "build | checksums | passed",
    ],
    said: ["services (postgres:16, redis:7)", "A service 2.1-", "no database"],
  },
  documentation: {
    rows: [
      "build | html | passed",
      "build | translations | passed",
      "check | links | passed",
      "check | spelling | passed",
      "review | review | passed",
      "review | stop-review | manual, not run",
    ],
    said: ["success after html", "at review-main: https://main.docs.example.org"],
  },
  release: {
    more: "git tag -a v1.2.0 -m Release; git checkout -q v1.2.0",
    rows: ["build | assets | passed", "verify | verify | passed", "release | publish | passed"],
    said: [
      "publishing More and better. to https://gitlab.example.org/api/v4/projects/1/packages/generic",
      "No release is made",
    ],
  },
  monorepo: {
    rows: [
      "build | server-build | passed",
      "build | client-build | passed",
      "test | server-test 1/1 | passed",
      "test | client-test 1/2 | passed",
      "test | client-test 2/2 | passed",
      "deploy | staging | passed",
      "deploy | together | passed",
    ],
    said: ["shard 1 of 1: the server", "shard 2 of 2: the client", '"child" is left out'],
  },
};

test.each(Object.entries(PIPELINES))("the pipeline of a %s", async (name, expected) => {
  const { code, stdout, stderr } = await runAll(name, expected.more);
  expect(rowsOf(stdout).sort()).toEqual([...expected.rows].sort());
  for (const text of expected.said ?? []) expect(stdout + stderr).toContain(text);
  expect(code).toBe(0);
});
