/** Cancels and time-outs, at every part of a job. */
import { expect, test } from "bun:test";
import type { Timeouts } from "./driver.ts";
import { makeFakeDriver } from "./fake-driver.ts";
import { makeJob } from "./make-job.ts";
import { type JobResult, startJob } from "./run-job.ts";

const QUICK: Partial<Timeouts> = {
  preparationRetryMs: 10,
  gracefulKillMs: 2000,
  forceKillMs: 1000,
  callLimitMs: 10_000,
};
const CONFIG = `echo "{\\"builds_dir\\":\\"$FAKE/builds\\"}"`;
const JOB = {
  script: ["echo begun", "sleep 60"],
  afterScript: ["echo after $CI_JOB_STATUS"],
  artifacts: [{ when: "always" as const }],
};

const names = (result: JobResult): string[] => result.stages.map((stage) => stage.name);

test("a cancel in the script still runs what comes after it", async () => {
  using fake = makeFakeDriver({ config: CONFIG });
  const running = startJob({ driver: fake.driver, job: makeJob(JOB), timeouts: QUICK });
  await running.log.waitFor(/^begun$/m);
  running.cancel();
  const result = await running.result;
  expect(result.status).toBe("canceled");
  expect(result.log).toContain("after canceled");
  expect(names(result).slice(4)).toEqual([
    "build_script",
    "after_script",
    "upload_artifacts_on_failure",
    "cleanup_file_variables",
    "cleanup",
  ]);
});

test("a cancel before the script ends the job", async () => {
  using fake = makeFakeDriver({ prepare: "echo preparing; exec sleep 60" });
  const running = startJob({ driver: fake.driver, job: makeJob(JOB), timeouts: QUICK });
  await running.log.waitFor("preparing");
  running.cancel();
  const result = await running.result;
  expect(result).toMatchObject({ status: "canceled", attempts: 1 });
  expect(names(result)).toEqual(["config", "prepare", "cleanup"]);
});

test("a cancel after the script stops nothing", async () => {
  using fake = makeFakeDriver({ config: CONFIG });
  const job = makeJob({ script: ["true"], afterScript: ["echo late", "sleep 0.2", "echo end"] });
  const running = startJob({ driver: fake.driver, job, timeouts: QUICK });
  await running.log.waitFor(/^late$/m);
  running.cancel();
  const result = await running.result;
  expect(result.status).toBe("success");
  expect(result.log).toMatch(/^end$/m);
});

test("the job's time-out ends everything, without after_script", async () => {
  using fake = makeFakeDriver({ config: CONFIG });
  const timeouts = { ...QUICK, jobMs: 1500 };
  const result = await startJob({ driver: fake.driver, job: makeJob(JOB), timeouts }).result;
  expect(result.status).toBe("timeout");
  expect(names(result).slice(4)).toEqual(["build_script", "cleanup"]);
});

test("the script's time-out leaves time for after_script", async () => {
  using fake = makeFakeDriver({ config: CONFIG });
  const job = makeJob({ ...JOB, variables: { RUNNER_SCRIPT_TIMEOUT: "300ms" } });
  const result = await startJob({ driver: fake.driver, job, timeouts: QUICK }).result;
  expect(result.status).toBe("timeout");
  expect(result.log).toContain("after timedout");
});

test("cleanup can run while a run call is still alive", async () => {
  using fake = makeFakeDriver({
    config: CONFIG,
    run: `if [ "$2" = build_script ]; then trap 'touch $FAKE/termed' TERM; echo begun
      until [ -e $FAKE/cleaned ]; do sleep 0.02; done; fi`,
    cleanup: "touch $FAKE/cleaned; [ -e $FAKE/termed ] && echo yes >$FAKE/overlap",
  });
  const timeouts = { ...QUICK, jobMs: 1500, buildFinishMs: 200 };
  const result = await startJob({ driver: fake.driver, job: makeJob(JOB), timeouts }).result;
  expect(result.status).toBe("timeout");
  // The call cannot end before cleanup has begun; which is seen to end first is for chance to say.
  expect(names(result).slice(-2).toSorted()).toEqual(["build_script", "cleanup"]);
  expect(fake.read("overlap")).toBe("yes\n");
});

test("a driver that does not end on SIGTERM is killed", async () => {
  using fake = makeFakeDriver({
    config: CONFIG,
    run: `[ "$2" != build_script ] || { trap '' TERM; echo begun; while :; do sleep 0.02; done; }`,
  });
  const timeouts = { ...QUICK, gracefulKillMs: 100 };
  const running = startJob({ driver: fake.driver, job: makeJob(JOB), timeouts });
  await running.log.waitFor(/^begun$/m);
  running.cancel();
  const result = await running.result;
  expect(result.stages.find((stage) => stage.name === "build_script")?.exit).toBe("SIGKILL");
});
