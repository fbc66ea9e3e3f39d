/** `exec`: a job of a local git work tree, through the same stages as under GitLab Runner. */
import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { cleanUpAfterEach, command, type Ended, later, openRunner, start } from "./harness.ts";

cleanUpAfterEach();

const runner = openRunner(
  { kind: "btrfs", root: "/fs/btrfs/root" },
  'default_image = "nosystemd"\n',
);

/** A git work tree with one commit; `exec` in it. */
async function project(pipeline: string): Promise<{
  readonly directory: string;
  exec(...argv: string[]): Promise<Ended>;
}> {
  const directory = (await command("mktemp", "-d")).stdout.trim();
  later(() => command("rm", "-r", directory));
  const commit = `cd "$1" && printf '%s' "$2" > .gitlab-ci.yml && echo committed > file &&
    git init -q -b main . && git add . &&
    git -c user.name=Test -c user.email=test@example.com commit -q -m "First commit"`;
  expect(await command("sh", "-c", commit, "sh", directory, pipeline)).toMatchObject({ code: 0 });
  const words = ["env", "-C", directory, "nspawn-runner", "exec"];
  return { directory, exec: (...argv) => start([...words, ...argv], runner.environment).ended };
}

const withoutTimes = (log: string): string =>
  log
    .replace(/^\(\d+\.\d\d s\)$/gm, "(time)")
    .replace(/in \d+\.\d\d s/g, "in (time)")
    .replace(/job-\d+-\w+/g, "MACHINE")
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the colours of the job's own log
    .replace(/\u001b\[[\d;]*m/g, "")
    .replace(/\b[0-9a-f]{8}\b/g, "COMMIT");

test("the log is GitLab's, the exit code the job's, and the work tree stays as it was", async () => {
  const { directory, exec } = await project(`
variables: { WHO: world, GREETING: "hello $WHO" }
.base: { image: nosystemd, before_script: ["echo $GREETING"] }
test:
  extends: .base
  script: ["cat file", "read -r line || echo nothing to read", "(exit 42)", "echo not reached"]
  after_script: ["echo $CI_JOB_STATUS in $CI_JOB_NAME"]
`);
  await command("sh", "-c", `echo changed > ${directory}/file`);
  const ended = await exec();
  expect(ended.code).toBe(42);
  expect(ended.stderr).toContain("your uncommitted changes are not in it");
  expect(withoutTimes(ended.stdout)).toMatchInlineSnapshot(`
    "Running job "test" of COMMIT (First commit).
    Preparing the "custom" executor
    (time)
    Preparing environment
    Running on MACHINE...
    (time)
    Getting source from Git repository
    Checked out COMMIT.
    (time)
    Executing "step_script" stage of the job script
    $ echo $GREETING
    hello world
    $ cat file
    committed
    $ read -r line || echo nothing to read
    nothing to read
    $ (exit 42)
    (time)
    Running after_script
    $ echo $CI_JOB_STATUS in $CI_JOB_NAME
    failed in test
    (time)
    Cleaning up
    (time)
    ERROR: Job failed: exit code 42
    "
  `);
  expect(readdirSync(directory).sort()).toEqual([".git", ".gitlab-ci.yml", "file"]);
  expect(readdirSync("/fs/btrfs/root/.machines")).toEqual([]);
});

test("artifacts come out, by patterns", async () => {
  const { directory, exec } = await project(`
test:
  script: ["mkdir out", "echo one > out/1.txt", "echo two > out/2.txt", "echo three > out/3.log"]
  artifacts: { paths: ["out/*.txt"] }
`);
  expect((await exec("test", "--artifacts", `${directory}/got`)).code).toBe(0);
  expect(readdirSync(`${directory}/got/out`).sort()).toEqual(["1.txt", "2.txt"]);
});

test("an image without bash gets sh", async () => {
  const { exec } = await project(`
test: { script: ["cat /etc/os-release"], image: nobash }
`);
  // It has no git either: the job says so where the sources would come.
  const ended = await exec("test");
  expect(ended.code).toBe(2);
  expect(ended.stdout).toContain("git: not found");
});

test.each([
  ["a job that is not there", ["tset"], 'Did you mean "test"?'],
  ["a missing image", ["test", "--image", "trixy"], 'Did you mean "trixie"?'],
  ["a broken variable", ["test", "--variable", "x"], "--variable KEY=VALUE"],
])("%s is explained", async (_title, argv, text) => {
  const { exec } = await project("test: { script: [echo] }\nother: { script: [echo] }\n");
  const ended = await exec(...argv);
  expect(ended.code).toBe(2);
  expect(ended.stdout + ended.stderr).toContain(text);
});

test("without a job, all are listed", async () => {
  const { exec } = await project(
    "test: { script: [echo] }\nother: { stage: build, script: [echo] }\n",
  );
  expect(await exec()).toMatchObject({ code: 0, stdout: "build\n  other\ntest\n  test\n" });
});

test("a pipeline that cannot be read is explained", async () => {
  const { exec } = await project("test: { script: [unclosed\n");
  const ended = await exec();
  expect(ended).toMatchObject({ code: 2, stderr: expect.stringContaining("Cannot understand") });
});

test("an image is named by variables, and --variable decides", async () => {
  const { exec } = await project(`
variables: { KIND: systemd }
default: { image: "no$KIND" }
test: { script: ["echo ran"] }
`);
  expect((await exec("test")).code).toBe(0);
  const other = await exec("test", "--variable", "KIND=thing");
  expect(other.stdout + other.stderr).toContain('"nothing"');
});

test("a shallow clone, a sub-directory and a second work tree have the commit", async () => {
  const { directory } = await project("test: { script: [cat file, git log --oneline] }\n");
  const more = `cd "$1" && mkdir deep && touch deep/x && git add . &&
    git -c user.name=T -c user.email=t@example.com commit -q -m Second &&
    git clone -q --depth 1 "file://$1" shallow && git worktree add -q "$1/second"`;
  expect((await command("sh", "-c", more, "sh", directory)).code).toBe(0);
  for (const place of ["shallow", "deep", "second/deep"]) {
    const words = ["env", "-C", `${directory}/${place}`, "nspawn-runner", "exec", "test"];
    const ended = await start(words, runner.environment).ended;
    expect(ended.stdout).toContain("committed");
    expect({ place, code: ended.code }).toEqual({ place, code: 0 });
  }
});

test("what the parser warns of is on stderr, and the job runs", async () => {
  const { exec } = await project(`
variables: { CI_REGISTRY_IMAGE: "registry.example.org/app" }
test: { script: ["echo hello from the job"] }
other: { stage: deploy, trigger: { project: group/other } }
`);
  const ended = await exec("test");
  expect(ended.code).toBe(0);
  expect(ended.stdout).toContain("hello from the job");
  expect(ended.stderr).toContain("WARNING: .gitlab-ci.yml: ");
});

test("a job's own variables reach the driver, as under GitLab Runner", async () => {
  const { exec } = await project(`
variables: { WANTED: "--force-yes" }
test: { script: ["true"], variables: { NSPAWN_PACKAGES: "hello $WANTED" } }
`);
  const refused = await exec("test");
  expect(refused.code).not.toBe(0);
  expect(refused.stderr + refused.stdout).toContain('"--force-yes" in NSPAWN_PACKAGES cannot be');
});
