/** Whole jobs on drivers of a few lines of bash: order, skips, retries, cancels, time-outs. */
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import type { Timeouts } from "./driver.ts";
import { makeFakeDriver } from "./fake-driver.ts";
import { type JobWish, makeJob } from "./make-job.ts";
import { type JobResult, runJob } from "./run-job.ts";

const QUICK: Partial<Timeouts> = {
  preparationRetryMs: 10,
  stageRetryMs: 10,
  gracefulKillMs: 2000,
  forceKillMs: 1000,
  callLimitMs: 10_000,
};

/** In place of the machine: the host's own /tmp. */
const CONFIG = `echo "{\\"builds_dir\\":\\"$FAKE/builds\\",\\"cache_dir\\":\\"$FAKE/cache\\",\\"hostname\\":\\"here\\",\\"driver\\":{\\"name\\":\\"fake\\",\\"version\\":\\"1\\"},\\"job_env\\":{\\"FAKE_MACHINE\\":\\"m1\\"},\\"new_key\\":1}"`;

const names = (result: JobResult): string[] => result.stages.map((stage) => stage.name);

const FULL: JobWish = {
  script: ["echo main"],
  afterScript: ["echo after $CI_JOB_STATUS"],
  moreSteps: { release: ["echo release"] },
  cache: [{ paths: ["c"], when: "on_success" }],
  artifacts: [{ paths: ["a"], when: "always" }],
};

describe("stages", () => {
  test("come in order, with their names for a driver", async () => {
    using fake = makeFakeDriver({ config: CONFIG });
    const result = await runJob({ driver: fake.driver, job: makeJob(FULL), timeouts: QUICK });
    expect(result.status).toBe("success");
    expect(names(result)).toEqual([
      "config",
      "prepare",
      "prepare_script",
      "get_sources",
      "restore_cache",
      "build_script",
      "step_release",
      "after_script",
      "archive_cache",
      "upload_artifacts_on_success",
      "cleanup_file_variables",
      "cleanup",
    ]);
    expect(fake.calls()).toEqual(names(result).map((name, index) => call(name, index)));
    expect(result.log).toContain("Using Custom executor with driver fake 1...");
    expect(result.log).toMatch(/Running on \S+ via here\.\.\./);
    expect(result.log).toContain("after success");
    expect(result.log).not.toContain("builds_dir");
  });

  test("with nothing to do are left out", async () => {
    using fake = makeFakeDriver({ config: CONFIG });
    const job = makeJob({ script: ["true"] });
    const result = await runJob({ driver: fake.driver, job, timeouts: QUICK });
    expect(names(result).slice(2, -1)).toEqual([
      "prepare_script",
      "get_sources",
      "build_script",
      "cleanup_file_variables",
    ]);
  });

  test("after a failed script are those for failures", async () => {
    using fake = makeFakeDriver({ config: CONFIG });
    const job = makeJob({
      ...FULL,
      script: ["exit 42"],
      cache: [{ when: "on_failure" }, { when: "on_success" }],
    });
    const result = await runJob({ driver: fake.driver, job, timeouts: QUICK });
    expect(result).toMatchObject({ status: "script_failure", exitCode: 42 });
    expect(result.log).toContain("after failed");
    expect(names(result).slice(5)).toEqual([
      "build_script",
      "after_script",
      "archive_cache_on_failure",
      "upload_artifacts_on_failure",
      "cleanup_file_variables",
      "cleanup",
    ]);
  });

  test("after a failed prepare_script there are none", async () => {
    using fake = makeFakeDriver({ config: CONFIG, run: "exit 2" });
    const result = await runJob({ driver: fake.driver, job: makeJob(FULL), timeouts: QUICK });
    expect(result.status).toBe("system_failure");
    expect(names(result)).toEqual(["config", "prepare", "prepare_script", "cleanup"]);
  });

  test("after failed sources are retried, then only uploads and clean-up are left", async () => {
    using fake = makeFakeDriver({ config: CONFIG, run: '[ "$2" != get_sources ] || exit 1' });
    const job = makeJob({ ...FULL, variables: { GET_SOURCES_ATTEMPTS: "3" } });
    const result = await runJob({ driver: fake.driver, job, timeouts: QUICK });
    expect(result).toMatchObject({ status: "script_failure", exitCode: 1 });
    expect(names(result).slice(3)).toEqual([
      "get_sources",
      "clear_worktree",
      "get_sources",
      "get_sources",
      "upload_artifacts_on_failure",
      "cleanup_file_variables",
      "cleanup",
    ]);
  });

  test("a failing after_script is ignored unless the job says otherwise", async () => {
    using fake = makeFakeDriver({ config: CONFIG });
    const run = (variables: Record<string, string>): Promise<JobResult> =>
      runJob({
        driver: fake.driver,
        job: makeJob({ afterScript: ["exit 9"], variables }),
        timeouts: QUICK,
      });
    expect((await run({})).status).toBe("success");
    expect(await run({ AFTER_SCRIPT_IGNORE_ERRORS: "false" })).toMatchObject({ exitCode: 9 });
  });
});

describe("preparation", () => {
  test("is tried three times, cleaned up each time, in new directories", async () => {
    using fake = makeFakeDriver({ prepare: "echo $TMPDIR >>$FAKE/dirs; exit 2" });
    const result = await runJob({ driver: fake.driver, job: makeJob(), timeouts: QUICK });
    expect(result).toMatchObject({ status: "system_failure", attempts: 3 });
    const once = ["config", "prepare", "cleanup"];
    expect(names(result)).toEqual([...once, ...once, ...once]);
    const directories = fake.read("dirs").trim().split("\n");
    expect(new Set(directories).size).toBe(3);
    expect(directories.filter(existsSync)).toEqual([]);
  });

  test("heals on the second try", async () => {
    using fake = makeFakeDriver({
      config: CONFIG,
      prepare: "[ -e $FAKE/tried ] || { touch $FAKE/tried; exit 3; }",
    });
    const result = await runJob({ driver: fake.driver, job: makeJob(), timeouts: QUICK });
    expect(result).toMatchObject({ status: "success", attempts: 2 });
  });

  test.each([
    ["config", { config: "exit 1" }],
    ["prepare", { prepare: "exit 1" }],
  ])("exit code 1 of %s is final", async (_, stages) => {
    using fake = makeFakeDriver(stages);
    const result = await runJob({ driver: fake.driver, job: makeJob(), timeouts: QUICK });
    expect(result).toMatchObject({ status: "script_failure", exitCode: 1, attempts: 1 });
    expect(names(result).at(-1)).toBe("cleanup");
  });

  test("fails when config prints something else than JSON", async () => {
    using fake = makeFakeDriver({ config: "echo hello" });
    const result = await runJob({ driver: fake.driver, job: makeJob(), timeouts: QUICK });
    expect(result).toMatchObject({ status: "system_failure", attempts: 3 });
  });

  test("that takes too long is ended", async () => {
    using fake = makeFakeDriver({ prepare: "exec sleep 60" });
    const timeouts = { ...QUICK, prepareExecMs: 50 };
    const result = await runJob({ driver: fake.driver, job: makeJob(), timeouts });
    expect(result).toMatchObject({ status: "unknown_failure", attempts: 3 });
    expect(result.stages[1]?.exit).toBe("SIGTERM");
  });
});

const call = (name: string, index: number): string => {
  const own = ["config", "prepare", "cleanup"].includes(name);
  return own ? name : index > 0 ? `run ${name}` : name;
};
