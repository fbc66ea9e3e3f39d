/** What becomes of machines when GitLab Runner itself ends in the middle of a job. */
import { describe, expect } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { cleanUpAfterEach, command, later, PLACES } from "../lab/harness.ts";
import { openCoordinator } from "./coordinator/coordinator.ts";
import { startRunner } from "./coordinator/runner-process.ts";
import { makeDriverSettings } from "./rig/driver-settings.ts";
import { expectNoMachine, expectNothingLeft } from "./rig/nothing-left.ts";
import { realRunner, realTest } from "./rig/real-test.ts";
import { makeJob } from "./simulator/make-job.ts";

cleanUpAfterEach();

const [place] = PLACES;
if (place === undefined) throw new Error("There is no storage to test on.");

const TOKEN = "glrt-not-a-secret";

/** A runner with a job whose script is running. */
async function startBusyRunner(within: readonly string[] = []) {
  const directory = mkdtempSync("/tmp/nspawn-runner-end-");
  later(() => rmSync(directory, { recursive: true }));
  const coordinator = openCoordinator({ tls: false });
  later(() => coordinator[Symbol.asyncDispose]());
  const runner = await startRunner({
    program: realRunner(),
    url: coordinator.url,
    token: TOKEN,
    env: makeDriverSettings(directory, place ?? { kind: "btrfs", root: "" }).environment,
    within,
  });
  later(() => runner[Symbol.asyncDispose]());
  const variables = { GIT_STRATEGY: "none" };
  const script = ["echo go''ing; sleep 300"];
  const job = coordinator.submit(TOKEN, makeJob({ variables, script }));
  await job.log.waitFor(/^going$/m);
  return { runner, job };
}

/** What gc would remove an hour later. */
async function removeStates(): Promise<void> {
  for (const name of readdirSync("/run/nspawn-runner/machines")) {
    await command("nspawn-runner", "cleanup", "--id", name);
  }
}

describe("when a real runner ends in the middle of a job", () => {
  realTest("SIGTERM makes it end the job and clean up", async () => {
    const { runner, job } = await startBusyRunner();
    process.kill(runner.pid, "SIGTERM");
    const { failureReason } = await job.ended;
    expect(failureReason).toBe("runner_interrupted");
    await runner.ended;
    expectNothingLeft(place);
  });

  realTest("SIGKILL of it as a service takes the machine along: nobody calls cleanup", async () => {
    const unit = `gitlab-runner-test-${process.pid}.service`;
    const { runner } = await startBusyRunner([
      "systemd-run",
      "--quiet",
      "--pipe",
      "--wait",
      "--collect",
      `--unit=${unit}`,
      "--setenv=NSPAWN_RUNNER_CONFIG",
    ]);
    later(() => command("systemctl", "stop", unit));
    later(removeStates);
    await command("systemctl", "kill", "--signal=KILL", unit);
    await runner.ended;
    // The machine's unit is on its way down by itself, and releases all of it.
    await command(
      "bash",
      "-c",
      "while [ -n \"$(systemctl list-units --all --no-legend 'nspawn-runner-job*.service')\" ]; do :; done",
    );
    expectNoMachine(place);
  });
});
