/** What is not the job's fault is never told as if it were, and `cleanup` mends it. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import {
  cleanUpAfterEach,
  command,
  expectNothingLeft,
  later,
  openRunner,
  PLACES,
  scriptFile,
  start,
  uniqueName,
} from "./harness.ts";

cleanUpAfterEach();

const CODES = { BUILD_FAILURE_EXIT_CODE: "11", SYSTEM_FAILURE_EXIT_CODE: "12" };
const SYSTEM_FAILURE = 12;

const [place = { kind: "btrfs", root: "/fs/btrfs/root" }] = PLACES;
const runner = openRunner(place);

/** A call with the exit codes that GitLab Runner would want, had it chosen others. */
const call = (...argv: string[]) =>
  start(["nspawn-runner", ...argv], { ...runner.environment, ...CODES }).ended;

function replaceByDirectory(path: string): void {
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path);
}

async function expectSystemFailure(name: string): Promise<void> {
  const ended = await call("run", "--id", name, scriptFile("exit 3"), "build_script");
  expect(ended).toMatchObject({ code: SYSTEM_FAILURE, stdout: "" });
  expect(ended.stderr).toMatch(/^(WARNING: .*\n)*ERROR: /);
}

describe("run", () => {
  test.each<[string, (runtime: string) => void]>([
    ["a directory for its end", (runtime) => replaceByDirectory(`${runtime}/end.json`)],
    ["an end that is not JSON", (runtime) => writeFileSync(`${runtime}/end.json`, "{")],
    ["no place for scripts", (runtime) => rmSync(`${runtime}/control/steps`, { recursive: true })],
    ["no way to its agent", (runtime) => replaceByDirectory(`${runtime}/control/request`)],
  ])("in a machine with %s is a system failure, and cleanup removes it", async (_title, harm) => {
    const machine = await runner.machine("nosystemd");
    harm(`/run/nspawn-runner/machines/${machine.name}`);
    await expectSystemFailure(machine.name);
    const cleaned = await call("cleanup", "--id", machine.name);
    expect(cleaned).toMatchObject({ code: 0, stderr: "" });
    expectNothingLeft(place, machine.name);
  });

  // As after an upgrade to a release that writes down more.
  test.each<[string, (path: string) => void]>([
    ["a directory", replaceByDirectory],
    ["not JSON", (path) => writeFileSync(path, "{")],
    ["of another release", (path) => writeFileSync(path, '{"rootDirectory":"/"}')],
  ])("in a machine whose state is %s is a system failure, and harms no other", async (_t, harm) => {
    const machine = await runner.machine("nosystemd");
    harm(`/run/nspawn-runner/machines/${machine.name}/state.json`);
    await expectSystemFailure(machine.name);
    const other = await runner.machine("nosystemd");
    expect((await other.run("echo lives")).stdout).toBe("lives\n");
    const cleaned = await call("cleanup", "--id", machine.name);
    expect(cleaned).toMatchObject({ code: 0, stderr: "" });
    expectNothingLeft(place, machine.name);
  });

  test("of what is not a script is a system failure", async () => {
    const machine = await runner.machine("nosystemd");
    for (const script of ["/nowhere", "/tmp"]) {
      const ended = await call("run", "--id", machine.name, script, "build_script");
      expect(ended).toMatchObject({ code: SYSTEM_FAILURE, stdout: "" });
    }
  });
});

describe("the other stages", () => {
  test("config that cannot print is a system failure", async () => {
    const ended = await start(["sh", "-c", "exec nspawn-runner config > /dev/full"], {
      ...runner.environment,
      ...CODES,
    }).ended;
    expect(ended.code).toBe(SYSTEM_FAILURE);
    expect(ended.stderr).toStartWith('ERROR: There is no space left for "stdout".\n');
  });

  test.each([
    ["a missing file", "/nowhere"],
    ["a directory", "/tmp"],
    ["no JSON", "/etc/os-release"],
  ])("%s for the job is a system failure", async (_title, path) => {
    for (const stage of ["config", "prepare"]) {
      const ended = await start(["nspawn-runner", stage], {
        ...runner.environment,
        ...CODES,
        JOB_RESPONSE_FILE: path,
        NSPAWN_RUNNER_MACHINE: uniqueName(),
      }).ended;
      expect(ended).toMatchObject({ code: SYSTEM_FAILURE, stdout: "" });
    }
  });

  test("a machine's name that cannot be one is a system failure", async () => {
    for (const argv of [["prepare"], ["run", "/bin/true"], ["cleanup"]]) {
      const ended = await start(["nspawn-runner", ...argv], {
        ...runner.environment,
        ...CODES,
        NSPAWN_RUNNER_MACHINE: "../x",
      }).ended;
      expect(ended).toMatchObject({ code: SYSTEM_FAILURE, stdout: "" });
    }
  });

  test("an unknown command or option is a system failure", async () => {
    for (const argv of [["prepara"], ["run"], ["prepare", "--nonsense"]]) {
      expect((await call(...argv)).code).toBe(SYSTEM_FAILURE);
    }
  });
});

describe("cleanup", () => {
  test("without a preparation has nothing to do", async () => {
    expect(await call("cleanup")).toMatchObject({ code: 0, stdout: "", stderr: "" });
  });

  test("of a machine that never was has nothing to do, again and again", async () => {
    const name = uniqueName();
    for (const _ of [1, 2]) {
      expect(await call("cleanup", "--id", name)).toMatchObject({ code: 0, stderr: "" });
    }
    expectNothingLeft(place, name);
  });

  test("of a preparation that got no further than its user ids frees them", async () => {
    const name = uniqueName();
    const range = "/run/nspawn-runner/id-ranges/1073741824";
    await command("mkdir", `/run/nspawn-runner/machines/${name}`);
    await command("ln", "-s", name, range);
    later(() => rmSync(range, { force: true }));
    expect(await call("cleanup", "--id", name)).toMatchObject({ code: 0, stderr: "" });
    expectNothingLeft(place, name);
  });

  test("of a machine whose preparation was killed leaves nothing", async () => {
    for (const milliseconds of [20, 60, 120]) {
      const name = uniqueName();
      const preparing = runner.start("prepare", "--id", name, "nosystemd");
      setTimeout(() => preparing.kill("SIGKILL"), milliseconds);
      await preparing.ended;
      expect(await call("cleanup", "--id", name)).toMatchObject({ code: 0, stderr: "" });
      expectNothingLeft(place, name);
    }
  });
});
