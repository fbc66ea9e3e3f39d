/** How a job has ended, and what that means for it and its pipeline. Pure. */

import type { RunnerError } from "../text/errors.ts";
import type { PipelineJob } from "./pipeline/plan-pipeline.ts";
import type { ScriptEnd } from "./stages.ts";

/** Of a job that was run. */
export type RunEnd =
  | ScriptEnd
  /** A person has told us to end; whatever its script has ended with, it was not let come to its end. */
  | { readonly kind: "cancelled" };

/** Of one try. */
export type JobEnd =
  | RunEnd
  /** It could not be run, or not to its end; who is to blame is in the error. */
  | { readonly kind: "not run"; readonly error: RunnerError };

export type Verdict = "passed" | "failed" | "failed, which is allowed";

const isSuccess = (end: JobEnd): boolean => end.kind === "exited" && end.code === 0;

export function verdictOf(job: PipelineJob, end: JobEnd): Verdict {
  if (isSuccess(end)) return "passed";
  if (end.kind === "cancelled") return "failed";
  const { allowFailure } = job;
  const allowed =
    typeof allowFailure === "boolean"
      ? allowFailure
      : end.kind === "exited" && allowFailure.includes(end.code);
  return allowed ? "failed, which is allowed" : "failed";
}

/** docs.gitlab.com, "retry:when": what each of its words means here. */
const FAILURES: Readonly<Record<string, (end: JobEnd) => boolean>> = {
  always: () => true,
  script_failure: (end) => end.kind === "exited",
  runner_system_failure: (end) => end.kind === "not run" && end.error.kind === "system",
  stuck_or_timeout_failure: (end) => end.kind === "out of time",
  job_execution_timeout: (end) => end.kind === "out of time",
};

/** GitLab's own limit. */
const RETRIES_MAX = 2;

/** Whether the job is tried again, after so many tries. */
export function isTriedAgain(job: PipelineJob, end: JobEnd, tries: number): boolean {
  const { retry } = job.declared;
  if (retry === undefined || isSuccess(end) || tries > Math.min(retry.max, RETRIES_MAX))
    return false;
  // What a person has to mend is not mended by another try.
  if (end.kind === "not run" && end.error.kind !== "system") return false;
  const { exit_codes: codes } = retry;
  if (codes !== undefined) return end.kind === "exited" && codes.includes(end.code);
  return retry.when.some((word) => FAILURES[word]?.(end) === true);
}

/** The last line of the log of a job that was run, in GitLab Runner's words. */
export function formatEnd(job: PipelineJob, end: RunEnd): string {
  const allowed = verdictOf(job, end) === "failed, which is allowed" ? " (allowed to fail)" : "";
  switch (end.kind) {
    case "exited":
      return end.code === 0
        ? "Job succeeded"
        : `ERROR: Job failed${allowed}: exit code ${end.code}`;
    case "out of time":
      return `ERROR: Job failed${allowed}: execution took longer than its timeout`;
    case "cancelled":
      return "ERROR: Job failed: canceled";
  }
}
