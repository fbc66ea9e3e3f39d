/** `exec`: what one job leaves for another, and what a job inherits; from small repositories. */
import { expect, test } from "bun:test";
import { cleanUpAfterEach, command, openRunner } from "./harness.ts";
import { openProject } from "./project.ts";

cleanUpAfterEach();

const runner = openRunner(
  { kind: "btrfs", root: "/fs/btrfs/root" },
  'default_image = "nosystemd"\n',
);

const open = (pipeline: string) => openProject(runner, { ".gitlab-ci.yml": pipeline });

test("artifacts and variables of earlier jobs are there, or said to be absent", async () => {
  const { exec } = await open(`
build:
  stage: build
  script: [mkdir -p out/deep, echo built > out/deep/app, echo no > out/app.o, echo VERSION=1.2 > build.env]
  artifacts: { paths: [$WHERE], exclude: ["out/**/*.o"], reports: { dotenv: build.env } }
  variables: { WHERE: out/ }
broken:
  stage: build
  script: [mkdir logs, echo why > logs/why, exit 3]
  artifacts: { paths: [logs], when: on_failure }
by-stage: { script: ["cat out/deep/app; ls out; echo version $VERSION"] }
by-needs: { needs: [build], script: [cat out/deep/app] }
without: { needs: [{ job: build, artifacts: false }], script: ["ls out || echo no out"] }
after-failure: { dependencies: [broken], script: [cat logs/why] }
`);
  const early = await exec("by-needs");
  expect(early.code).toBe(1);
  expect(early.stderr).toContain('The artifacts of "build" are not here');
  expect((await exec("build")).code).toBe(0);
  const byStage = await exec("by-stage");
  expect(byStage.stdout).toContain("built\ndeep\nversion 1.2\n");
  expect(await exec("by-needs")).toMatchObject({ code: 0 });
  expect((await exec("without")).stdout).toContain("no out\n");
  expect((await exec("broken")).code).toBe(3);
  expect((await exec("after-failure")).stdout).toContain("why\n");
});

test("a cache is there for the next run, as its policy says", async () => {
  const { exec } = await open(`
default:
  cache: { key: $CI_COMMIT_REF_SLUG, paths: [kept/] }
job: { script: [ls kept || mkdir kept, date +%N > kept/time] }
look: { cache: { key: main, paths: [kept/], policy: pull }, script: [ls kept, rm kept/time] }
`);
  expect((await exec("job")).stdout).toContain("there is none yet");
  expect((await exec("look")).stdout).toContain("\ntime\n");
  expect((await exec("look")).stdout).toContain("\ntime\n");
});

test("a cache holds what git does not track, and another's is taken where there is none", async () => {
  const { exec } = await open(`
make: { cache: { key: one, untracked: true }, script: [date +%N > made] }
use: { cache: { key: two, untracked: true, fallback_keys: [none, one] }, script: [ls made] }
`);
  expect((await exec("use")).code).not.toBe(0);
  expect((await exec("make")).stdout).toContain("untracked: found 1 files\n");
  const used = await exec("use");
  expect(used.stdout).toMatch(
    /two-protected... there is none yet\..*\n.*none-protected... there is none yet\./,
  );
  expect(used.stdout).toContain("Checking cache for one-protected...\n");
  expect(used.code).toBe(0);
});

test("workflow: rules decide by what has changed, and their variables alone are there", async () => {
  const { directory, exec } = await open(`
variables: { WHICH: none, GIVEN: undefined, DESCRIBED: { description: What it is } }
workflow:
  rules:
    - { changes: [not-there], variables: { WHICH: wrong, MORE: wrong } }
    - { if: $CI_COMMIT_BRANCH, variables: { WHICH: right } }
job: { script: ['echo "$WHICH [$MORE] [$GIVEN] [$DESCRIBED]"'] }
`);
  // Of the first commit of all, everything has changed.
  const identity = ["-c", "user.name=Test", "-c", "user.email=test@example.com"];
  const again = ["commit", "--quiet", "--allow-empty", "--message=Second"];
  expect(await command("git", "-C", directory, ...identity, ...again)).toMatchObject({ code: 0 });
  expect((await exec("job")).stdout).toContain("right [] [undefined] []\n");
});

test("default, hooks and files of variables reach the job, and its time ends it", async () => {
  const project = await openProject(runner, {
    ".gitlab-ci.yml": `
default:
  timeout: 4s
  hooks: { pre_get_sources_script: ["echo before $WHAT"] }
job: { script: ['cat "$KEY"', echo began, sleep 60, echo ended], variables: { WHAT: sources } }
`,
    "variables.yml": 'KEY: { value: "the key\\n", type: file }\n',
  });
  const file = `${project.directory}/variables.yml`;
  const { code, stdout, ms } = await project.exec("job", "--variables-file", file);
  expect(stdout).toMatch(/before sources[\s\S]*Checked out[\s\S]*the key\n[\s\S]*began\n/);
  expect(stdout).not.toContain("ended");
  expect(stdout).toContain("execution took longer than");
  expect(code).toBe(1);
  expect(ms).toBeLessThan(30_000);
});

test.each([
  ["a trigger", "j: { trigger: { include: child.yml } }", "is a trigger of another pipeline"],
  ["a token", "j: { script: [x], id_tokens: { T: { aud: x } } }", "gets T from GitLab"],
  ["steps", "j: { run: [{ name: x, script: echo }] }", "j must have script specified"],
  ["rules that leave it out", "j: { script: [x], rules: [{ if: $X }] }", "is not in this pipeline"],
])("%s is refused in a sentence", async (_title, pipeline, text) => {
  const project = await openProject(runner, {
    ".gitlab-ci.yml": `${pipeline}\n`,
    "child.yml": "c: { script: [x] }\n",
  });
  const ended = await project.exec("j");
  expect(ended).toMatchObject({ code: 2, stderr: expect.stringContaining(text) });
});

test("another pipeline is pretended, by its event and its branch", async () => {
  const { exec } = await open(`
j: { script: ['echo "$CI_PIPELINE_SOURCE of $CI_COMMIT_REF_NAME, [$CI_COMMIT_BRANCH] [$CI_MERGE_REQUEST_IID]"'] }
scheduled: { script: [echo], only: [schedules] }
`);
  const event = (name: string) => exec("j", "--event", name, "--branch", "topic/x");
  expect((await event("merge_request")).code).toBe(2);
  expect((await event("schedule")).stdout).toContain("schedule of topic/x, [topic/x] []\n");
  expect((await exec("scheduled", "--event", "schedule")).code).toBe(0);
  expect((await exec("scheduled")).stderr).toContain("only and except leave it out");
  expect(await exec("j", "--event", "odd")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("Give one of push, tag, merge_request, schedule."),
  });
});

test("services are not started, and named", async () => {
  const { exec } = await open(
    "j: { script: [echo ran], services: [{ name: postgres:16, alias: db }] }\n",
  );
  const ended = await exec("j");
  expect(ended.stdout + ended.stderr).toContain("services (postgres:16)");
  expect(ended.code).toBe(0);
});
