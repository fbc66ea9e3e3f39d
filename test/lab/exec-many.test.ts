/** `exec` of several jobs: one pipeline, in order, with what one leaves for the others. */
import { expect, test } from "bun:test";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { cleanUpAfterEach, openRunner, start } from "./harness.ts";
import { openProject } from "./project.ts";

cleanUpAfterEach();

const runner = openRunner(
  { kind: "btrfs", root: "/fs/btrfs/root" },
  'default_image = "nosystemd"\n',
);

const PIPELINE = `
stages: [build, test, deploy]
compile: { stage: build, script: [mkdir out, cat new > out/app], artifacts: { paths: [out] } }
unit: { parallel: 2, script: ["cat out/app; echo number $CI_NODE_INDEX"] }
lint: { needs: [], script: ["(exit 3)"], allow_failure: { exit_codes: 3 }, retry: 1 }
broken: { needs: [compile], script: ["(exit 4)"] }
mend: { stage: deploy, script: [echo mending], when: on_failure }
ship: { stage: deploy, script: [echo shipping] }
by-hand: { stage: deploy, script: [echo by hand], when: manual }
child: { stage: deploy, trigger: { include: child.yml } }
`;

/** Rows of the table at the end, without their times. */
const summaryOf = (stdout: string): string[] =>
  stdout
    .trimEnd()
    .split("\n")
    .slice(-8)
    .map((row) => row.replace(/ +[\d.]+ s$/, "").replace(/ {2,}/g, " | "));

test("a whole pipeline, from the work tree as it is", async () => {
  const project = await openProject(runner, {
    ".gitlab-ci.yml": PIPELINE,
    ".gitignore": "ignored\n",
    "child.yml": "c: { script: [x] }\n",
  });
  writeFileSync(`${project.directory}/new`, "not committed\n");
  writeFileSync(`${project.directory}/ignored`, "not committed\n");
  const all = await project.exec("--all", "--worktree");
  expect(all.stdout).toContain("unit 1/2 | not committed\n");
  expect(all.stdout).toContain("unit 2/2 | number 2\n");
  expect(all.stdout).toContain("lint     | The job is tried again (retry 1).\n");
  expect(all.stderr).toContain('"child" is left out: it is a trigger');
  expect(summaryOf(all.stdout)).toEqual([
    "build | compile | passed",
    "test | unit 1/2 | passed",
    "test | unit 2/2 | passed",
    "test | lint | failed (allowed)",
    "test | broken | FAILED",
    "deploy | mend | passed",
    "deploy | ship | skipped",
    "deploy | by-hand | skipped",
  ]);
  expect(all.code).toBe(1);
  expect(readdirSync("/fs/btrfs/root/.machines")).toEqual([]);
  // The same state is the same commit: what it has left is there. Nothing of git's was written.
  const one = await project.exec("unit 2/2", "--worktree", "--json");
  const events = one.stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  const said = events.filter(({ event }) => event === "output").map(({ text }) => text);
  expect(said.join("")).toContain("not committed\n");
  expect(events.at(-1)).toEqual({ event: "job", job: "unit 2/2", status: "passed", code: 0 });
  const status = start(["git", "-C", project.directory, "status", "--porcelain"]);
  expect((await status.ended).stdout).toBe("?? new\n");
  // Without it the file is none.
  expect((await project.exec("compile")).code).toBe(1);
});

test("jobs by name, a stage, and what comes after a job", async () => {
  const { exec } = await openProject(runner, {
    ".gitlab-ci.yml": `
a: { stage: build, script: [echo one] }
b: { needs: [a], script: [echo two] }
c: { script: [echo three] }
d: { stage: build, script: [echo four], when: manual }
`,
  });
  const namesOf = (stdout: string) =>
    [...stdout.matchAll(/^\S+ +(\S+) +passed/gm)].map(([, name]) => name);
  expect(namesOf((await exec("b", "d", "a")).stdout).sort()).toEqual(["a", "b", "d"]);
  expect(namesOf((await exec("--stage", "test")).stdout)).toEqual(["b", "c"]);
  expect(namesOf((await exec("--from", "a")).stdout)).toEqual(["a", "b", "c"]);
  expect(await exec("--stage", "tset")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("The stages are: "),
  });
  expect(await exec("a", "--all")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("exclude each other"),
  });
});

test("a failed job's machine is kept until we are told to end", async () => {
  const { directory } = await openProject(runner, {
    ".gitlab-ci.yml": "j: { script: [echo kept > /left, 'false'] }\n",
  });
  const words = ["env", "-C", directory, "nspawn-runner", "exec", "j", "--keep"];
  const running = start(words, runner.environment);
  await running.awaitOutput("is kept until you press ^C");
  const [name = ""] = readdirSync("/fs/btrfs/root/.machines");
  expect(existsSync(`/fs/btrfs/root/.machines/${name}`)).toBe(true);
  running.kill("SIGINT");
  expect((await running.ended).code).toBe(1);
  expect(readdirSync("/fs/btrfs/root/.machines")).toEqual([]);
});
