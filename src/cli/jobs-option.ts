/** `--jobs N` of the commands that build images side by side. */
import { RunnerError } from "../text/errors.ts";

export interface JobsOption {
  readonly jobs?: string;
}

/** Builds wait for the network more than for the processor. */
const JOBS_DEFAULT = 2;
const JOBS_MAX = 64;

export function parseJobs({ jobs }: JobsOption): number {
  const count = jobs === undefined ? JOBS_DEFAULT : Number(jobs);
  if (Number.isInteger(count) && count >= 1 && count <= JOBS_MAX) return count;
  throw new RunnerError({
    kind: "usage",
    message: `"${jobs}" cannot be a number of builds at once.`,
    hints: [`Give --jobs a number from 1 to ${JOBS_MAX}.`],
  });
}
