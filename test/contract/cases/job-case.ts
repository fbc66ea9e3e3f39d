/** One case: a job, what happens to it, and how it must end. Whoever carries it out. */
import { expect } from "bun:test";
import type { JobOutcome, Rig, RigJob } from "../rig/rig.ts";
import type { JobWish } from "../simulator/make-job.ts";

export interface JobCase {
  readonly name: string;
  /** The simulator leaves out what it says of itself that it cannot do; a real one has settings of its own. */
  readonly only?: "gitlab-runner" | "simulator";
  /** Where the storage of the machine matters; else the first one is enough. */
  readonly everyStorage?: true;
  readonly wish: JobWish | ((rig: Pick<Rig, "repository">) => JobWish);
  readonly driverSettings?: string;
  readonly runnerSettings?: Readonly<Record<string, unknown>>;
  /** What someone does while the job runs. */
  readonly act?: (job: RigJob) => Promise<void>;
  readonly status: JobOutcome["status"];
  readonly exitCode?: number;
  readonly has?: readonly (string | RegExp)[];
  readonly hasNot?: readonly (string | RegExp)[];
  readonly failedPreparations?: number;
}

/** Runs it to its end and compares. */
export async function checkCase(rig: Rig, jobCase: JobCase): Promise<void> {
  const { wish, driverSettings, runnerSettings } = jobCase;
  const job = await rig.start({
    wish: typeof wish === "function" ? wish(rig) : wish,
    driverSettings,
    runnerSettings,
  });
  await jobCase.act?.(job);
  const { status, exitCode, log } = await job.result;
  // The log first: it says why the rest is wrong.
  for (const text of jobCase.has ?? []) expect(log).toMatch(text);
  for (const text of jobCase.hasNot ?? []) expect(log).not.toMatch(text);
  expect({ status, log }).toEqual({ status: jobCase.status, log });
  if (jobCase.exitCode !== undefined) expect(exitCode).toBe(jobCase.exitCode);
  const failed = log.match(/Preparation failed:/g)?.length ?? 0;
  expect(failed).toBe(jobCase.failedPreparations ?? 0);
}
