/** Cases on a real `gitlab-runner run`, which talks to a coordinator of our own. */
import { mkdtempSync, rmSync } from "node:fs";
import type { Place } from "../../lab/harness.ts";
import { type Coordinator, openCoordinator } from "../coordinator/coordinator.ts";
import type { FinalReport, SubmittedJob } from "../coordinator/job-desk.ts";
import { type RunnerProcess, startRunner } from "../coordinator/runner-process.ts";
import { makeJob } from "../simulator/make-job.ts";
import { findCall } from "./call-finder.ts";
import { type DriverSettings, makeDriverSettings } from "./driver-settings.ts";
import type { JobOutcome, Rig, RigRequest } from "./rig.ts";

export interface RealRig extends Rig {
  readonly coordinator: Coordinator;
}

interface Runner {
  readonly token: string;
  readonly process: RunnerProcess;
  readonly settings: DriverSettings;
}

export function openRealRig(
  place: Place,
  options: { readonly program: string; readonly tls?: boolean },
): RealRig {
  const directory = mkdtempSync("/tmp/nspawn-runner-real-");
  const coordinator = openCoordinator({ tls: options.tls === true });
  const runners = new Map<string, Runner>();
  /** One process for all jobs that want the same settings. */
  const runnerFor = async (request: RigRequest): Promise<Runner> => {
    const key = JSON.stringify([request.driverSettings, request.runnerSettings]);
    const known = runners.get(key);
    if (known !== undefined) return known;
    const lines = `gitlab_runner = "${options.program}"\n${request.driverSettings ?? ""}`;
    const settings = makeDriverSettings(directory, place, lines);
    const token = `glrt-not-a-secret-${runners.size}`;
    const process = await startRunner({
      program: options.program,
      url: coordinator.url,
      token,
      settings: {
        ...(coordinator.certificateFile && { "tls-ca-file": coordinator.certificateFile }),
        ...request.runnerSettings,
      },
      env: settings.environment,
    });
    const runner = { token, process, settings };
    runners.set(key, runner);
    return runner;
  };

  return {
    coordinator,
    repository: coordinator.repository,
    start: async (request) => {
      const { token, process, settings } = await runnerFor(request);
      const { wish } = request;
      const job = makeJob({ ...wish, variables: { GIT_STRATEGY: "none", ...wish.variables } });
      const submitted = coordinator.submit(token, job);
      return {
        id: job.id,
        token: job.token,
        log: submitted.log,
        cancel: submitted.cancel,
        abort: submitted.abort,
        findCall: (step) => findCall(process.pid, step),
        rewriteSettings: settings.write,
        result: submitted.ended.then((report) => outcomeOf(report, submitted)),
      };
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...runners.values()].map(({ process }) => process[Symbol.asyncDispose]()));
      await coordinator[Symbol.asyncDispose]();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function outcomeOf(report: FinalReport, job: SubmittedJob): JobOutcome {
  const log = job.log.text();
  const { state, failureReason, exitCode } = report;
  if (state === "success") return { status: "success", exitCode: undefined, log };
  return { status: statusOf(failureReason, log), exitCode, log };
}

function statusOf(reason: string, log: string): JobOutcome["status"] {
  switch (reason) {
    case "script_failure":
      return "script_failure";
    case "job_execution_timeout":
      return "timeout";
    case "runner_system_failure":
      // Both are one reason for GitLab; the log tells them apart.
      return log.includes("unknown Custom executor executable exit code")
        ? "unknown_failure"
        : "system_failure";
    case "job_canceled":
      return "canceled";
    default:
      return "unknown_failure";
  }
}
