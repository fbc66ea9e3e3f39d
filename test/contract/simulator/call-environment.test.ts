/** What a call finds around it. */
import { expect, test } from "bun:test";
import { openExecutor } from "./executor.ts";
import { makeFakeDriver } from "./fake-driver.ts";
import { openJobLog } from "./job-log.ts";
import { makeJob } from "./make-job.ts";
import { runJob } from "./run-job.ts";

test("every call has the contract's environment, directory and files", async () => {
  using fake = makeFakeDriver({
    config: `echo '{"job_env":{"FAKE_ID":"m-1"}}'`,
    prepare: `[ "$PWD" = "$TMPDIR" ] && stat -c %a "$JOB_RESPONSE_FILE" >$FAKE/mode
      cp "$JOB_RESPONSE_FILE" $FAKE/response; env -0 >$FAKE/env; ls "$TMPDIR" >$FAKE/files
      [ ! -e "$BUILD_EXIT_CODE_FILE" ]`,
    run: 'stat -c %a "$1" >$FAKE/scriptmode; echo "$1" >>$FAKE/scripts',
  });
  const job = makeJob({
    image: "debian:$RELEASE",
    variables: { CI_JOB_IMAGE: "forged", RELEASE: "13", EXPANDED: "of $RELEASE" },
    moreVariables: [{ key: "NASTY", value: "a\nb\"c'\x1b[31m$HOME", raw: true }],
    services: [
      {
        name: "postgres:16",
        alias: "db, second",
        variables: [
          { key: "A", value: "1", public: true, file: false, masked: false, raw: false },
          { key: "B", value: "${A}-$CI", public: true, file: false, masked: false, raw: false },
        ],
        executor_opts: {},
      },
    ],
  });
  const result = await runJob({ driver: fake.driver, job, env: { FROM_RUNNER: "yes" } });
  expect(result.status).toBe("success");
  const environment = Object.fromEntries(
    fake
      .read("env")
      .split("\0")
      .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
  expect(environment).toMatchObject({
    BUILD_FAILURE_EXIT_CODE: "1",
    SYSTEM_FAILURE_EXIT_CODE: "2",
    FAKE_ID: "m-1",
    FROM_RUNNER: "yes",
    CUSTOM_ENV_CI_JOB_IMAGE: "forged",
    CUSTOM_ENV_EXPANDED: "of 13",
    CUSTOM_ENV_NASTY: "a\nb\"c'\x1b[31m$HOME",
    CUSTOM_ENV_CI_PROJECT_DIR: "/builds/project-17",
  });
  expect(environment.NODE_ENV).toBeUndefined();
  expect(environment.JOB_RESPONSE_FILE?.startsWith(`${environment.TMPDIR}/`)).toBe(true);
  expect(JSON.parse(environment.CUSTOM_ENV_CI_JOB_SERVICES ?? "")).toEqual([
    {
      name: "postgres:16",
      alias: "db",
      entrypoint: null,
      command: null,
      variables: { A: "1", B: "1-true" },
    },
  ]);
  expect(fake.read("mode")).toBe("600\n");
  expect(fake.read("scriptmode")).toBe("700\n");
  expect(JSON.parse(fake.read("response"))).toMatchObject({ image: { name: "debian:13" } });
  const scripts = fake.read("scripts").trim().split("\n");
  expect(new Set(scripts).size).toBe(scripts.length);
  expect(scripts[0]).toMatch(/\/custom-executor[^/]+\/script[^/]+\/script$/);
});

test("without an image its variable is unset, without services theirs is empty", async () => {
  using fake = makeFakeDriver({
    prepare: `[ -z "\${CUSTOM_ENV_CI_JOB_IMAGE+set}" ] && [ "\${CUSTOM_ENV_CI_JOB_SERVICES-unset}" = "" ]`,
  });
  const executor = openExecutor({ driver: fake.driver, job: makeJob() }, openJobLog(), []);
  expect(await executor.prepare()).toBeUndefined();
  await executor.cleanup();
});

test("a stale exit code file is reported", async () => {
  using fake = makeFakeDriver({
    prepare: 'echo 77 >"$BUILD_EXIT_CODE_FILE"',
    run: '[ "$2" != build_script ] || exit 1',
  });
  const result = await runJob({ driver: fake.driver, job: makeJob() });
  expect(result).toMatchObject({ status: "script_failure", exitCode: 77 });
});

test("one variable over 128 KiB keeps every driver call from starting", async () => {
  using fake = makeFakeDriver();
  const job = makeJob({ variables: { BIG: "x".repeat(140_000) } });
  const timeouts = { preparationRetryMs: 1 };
  const result = await runJob({ driver: fake.driver, job, timeouts });
  expect(result).toMatchObject({ status: "system_failure", attempts: 3, stages: [] });
});
