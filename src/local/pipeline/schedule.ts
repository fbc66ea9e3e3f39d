/** Which job of several is next: order of `needs` and stages, `when`, and failures. Pure. */
import type { Verdict } from "../job-end.ts";
import type { PipelineJob } from "./plan-pipeline.ts";

export type State = "waiting" | "running" | Verdict | "skipped" | "manual";

export interface Scheduled {
  readonly job: PipelineJob;
  readonly state: State;
  /** Those of the chosen jobs that it waits for, by name. */
  readonly after: readonly string[];
  /** Whether a person named it: then it runs, if it is manual. */
  readonly named: boolean;
}

/** What becomes of a job that waits; nothing while it is not known. */
export type Next = "run" | "skip" | "leave" | undefined;

export function nextFor(scheduled: Scheduled, all: readonly Scheduled[]): Next {
  if (scheduled.state !== "waiting") return undefined;
  const before = all.filter(({ job }) => scheduled.after.includes(job.name));
  if (before.some(({ state }) => state === "waiting" || state === "running")) return undefined;
  const failed = before.some(({ state }) => state === "failed");
  // A job that has to be started by a person, and may not fail, blocks what follows.
  const blocked = before.some(
    ({ job, state }) => state === "skipped" || (state === "manual" && job.allowFailure === false),
  );
  switch (scheduled.job.when) {
    case "always":
      return "run";
    case "on_failure":
      return failed ? "run" : "skip";
    case "manual":
      if (failed || blocked) return "skip";
      return scheduled.named ? "run" : "leave";
    default:
      return failed || blocked ? "skip" : "run";
  }
}
