/** Several jobs of a pipeline, in the order of their needs, as many at once as there are processors. */
import type { Host } from "../host/host.ts";
import { formatError } from "../text/format-error.ts";
import { formatEnd, isTriedAgain, type JobEnd, verdictOf } from "./job-end.ts";
import type { JobLog } from "./log/job-log.ts";
import type { SummaryRow } from "./pipeline/format-summary.ts";
import { predecessorsOf } from "./pipeline/needs.ts";
import type { Pipeline, PipelineJob } from "./pipeline/plan-pipeline.ts";
import { nextFor, type Scheduled, type State } from "./pipeline/schedule.ts";

export interface JobsRun {
  readonly pipeline: Pipeline;
  readonly jobs: readonly PipelineJob[];
  /** Those that a person has named. */
  readonly named: readonly PipelineJob[];
  openLog(job: PipelineJob): JobLog;
  /** Runs a job once. */
  runOnce(job: PipelineJob, log: JobLog): Promise<JobEnd>;
  /** Whether the log tells why a job was not run, and nobody else does. */
  readonly tellsErrors: boolean;
  /** Told of what becomes of each. */
  onEnd?(job: PipelineJob, end: JobEnd): void;
  onState?(job: PipelineJob, state: State): void;
}

export interface JobsEnd {
  /** What may fail does not count. */
  readonly green: boolean;
  readonly rows: readonly SummaryRow[];
}

/** Tries a job as often as its `retry` says. */
export async function runTries(
  host: Host,
  run: Pick<JobsRun, "openLog" | "runOnce" | "onEnd" | "tellsErrors">,
  job: PipelineJob,
): Promise<JobEnd> {
  const log = run.openLog(job);
  for (let tries = 1; ; tries += 1) {
    const end = await run.runOnce(job, log);
    const isLast = host.signal.aborted || !isTriedAgain(job, end, tries);
    if (end.kind !== "not run") log.say(formatEnd(job, end));
    else if (!isLast || run.tellsErrors) log.say(formatError(end.error, { debug: false }));
    if (isLast) {
      run.onEnd?.(job, end);
      return end;
    }
    log.say(`The job is tried again (retry ${tries}).`);
  }
}

interface Slot extends Scheduled {
  state: Scheduled["state"];
  ms: number | undefined;
}

export async function runJobs(host: Host, run: JobsRun): Promise<JobsEnd> {
  const chosen = new Set(run.jobs.map(({ name }) => name));
  const slots = run.jobs.map(
    (job): Slot => ({
      job,
      state: "waiting",
      after: predecessorsOf(run.pipeline, job)
        .map(({ name }) => name)
        .filter((name) => chosen.has(name)),
      named: run.named.includes(job),
      ms: undefined,
    }),
  );
  const atOnce = Math.max(1, Number((await host.processes.exec(["nproc"])).trim()));
  const running = new Map<Slot, Promise<void>>();
  const become = (slot: Slot, state: State): void => {
    slot.state = state;
    run.onState?.(slot.job, state);
  };
  const begin = (slot: Slot): void => {
    become(slot, "running");
    running.set(
      slot,
      runSlot(host, run, { slot, become }).finally(() => running.delete(slot)),
    );
  };
  try {
    for (;;) {
      if (!settle(host, slots, { running: running.size, atOnce, begin, become })) break;
      await Promise.race(running.values());
    }
  } finally {
    // A fault of ours leaves no job behind that goes on in a directory that is removed.
    await Promise.allSettled(running.values());
  }
  return {
    green: slots.every(({ state }) => state !== "failed" && state !== "waiting"),
    rows: slots.map(({ job, state, ms }) => ({
      stage: job.declared.stage,
      name: job.name,
      state,
      ms,
    })),
  };
}

type Become = (slot: Slot, state: State) => void;

/** Begins, skips or leaves what can be; whether anything runs then. */
function settle(
  host: Host,
  slots: readonly Slot[],
  how: {
    readonly running: number;
    readonly atOnce: number;
    readonly begin: (slot: Slot) => void;
    readonly become: Become;
  },
): boolean {
  let { running } = how;
  for (let again = true; again; ) {
    again = false;
    for (const slot of slots) {
      const next = host.signal.aborted ? undefined : nextFor(slot, slots);
      if (next === "skip" || next === "leave") {
        how.become(slot, next === "skip" ? "skipped" : "manual");
        again = true;
      } else if (next === "run" && running < how.atOnce && !groupIsBusy(slot, slots)) {
        how.begin(slot);
        running += 1;
      }
    }
  }
  return running > 0;
}

/** docs.gitlab.com, "resource_group": one at a time. */
const groupIsBusy = (slot: Slot, slots: readonly Slot[]): boolean =>
  slot.job.declared.resource_group !== undefined &&
  slots.some(
    ({ job, state }) =>
      state === "running" && job.declared.resource_group === slot.job.declared.resource_group,
  );

async function runSlot(
  host: Host,
  run: JobsRun,
  { slot, become }: { readonly slot: Slot; readonly become: Become },
): Promise<void> {
  const startedAt = host.clock.elapsedMs();
  const end = await runTries(host, run, slot.job);
  slot.ms = host.clock.elapsedMs() - startedAt;
  become(slot, verdictOf(slot.job, end));
}
