/**
 * A simulator of GitLab Runner's custom executor (release 19.4): runs one job on a driver, as the
 * real one does and no more kindly. What it does not do: talk to GitLab, mask secrets in the log.
 */
import type { Build } from "./build.ts";
import { DEFAULT_TIMEOUTS, type Timeouts } from "./driver.ts";
import { pause } from "./duration.ts";
import { type Executor, type ExecutorOptions, openExecutor } from "./executor.ts";
import { type JobLog, openJobLog } from "./job-log.ts";
import { runStages } from "./run-stages.ts";
import { openScope, type Scope } from "./scope.ts";
import type { StageRecord } from "./stage-record.ts";
import { type Failure, isFinal } from "./verdict.ts";

export interface JobResult {
  readonly status: "success" | Failure["kind"];
  /** What `allow_failure: exit_codes` sees; of an unknown failure, the driver's own. */
  readonly exitCode: number | undefined;
  readonly message: string;
  readonly log: string;
  readonly logBytes: Buffer;
  /** Every call in the order of their ends. */
  readonly stages: readonly StageRecord[];
  /** How many preparations were begun. */
  readonly attempts: number;
}

export interface RunningJob {
  readonly log: JobLog;
  /** As "Cancel" in GitLab: before the script the job ends, in it the script, later nothing. */
  cancel(): void;
  readonly result: Promise<JobResult>;
}

export interface JobOptions extends ExecutorOptions {
  /** Aborting it is `cancel`. */
  readonly signal?: AbortSignal;
}

const PREPARATIONS = 3;
const SECOND = 1000;

export function runJob(options: JobOptions): Promise<JobResult> {
  return startJob(options).result;
}

export function startJob(options: JobOptions): RunningJob {
  const timeouts: Timeouts = { ...DEFAULT_TIMEOUTS, ...options.timeouts };
  const timeoutMs = timeouts.jobMs ?? options.job.runner_info.timeout * SECOND;
  const scope = openScope({ name: "the job", timeoutMs });
  const running: Progress = {
    log: openJobLog(),
    stages: [],
    attempts: 0,
    cancel: scope.cancel,
  };
  const cancel = (): void => running.cancel();
  options.signal?.addEventListener("abort", cancel, { once: true });
  const result = carryOut(options, { timeouts, scope, running }).finally(() => {
    scope[Symbol.dispose]();
    options.signal?.removeEventListener("abort", cancel);
  });
  return { log: running.log, cancel, result };
}

interface Progress {
  readonly log: JobLog;
  readonly stages: StageRecord[];
  attempts: number;
  cancel: () => void;
}

interface Frame {
  readonly timeouts: Timeouts;
  readonly scope: Scope;
  readonly running: Progress;
}

async function carryOut(options: JobOptions, frame: Frame): Promise<JobResult> {
  const { running } = frame;
  const prepared = await prepareExecutor(options, frame);
  const failure = "kind" in prepared ? prepared : await runPrepared(prepared, frame);
  running.log.line(failure === undefined ? "Job succeeded" : `Job failed: ${failure.message}`);
  return {
    status: failure?.kind ?? "success",
    exitCode: failure !== undefined && "exitCode" in failure ? failure.exitCode : undefined,
    message: failure?.message ?? "",
    log: running.log.text(),
    logBytes: running.log.bytes(),
    stages: running.stages,
    attempts: running.attempts,
  };
}

async function prepareExecutor(options: JobOptions, frame: Frame): Promise<Executor | Failure> {
  const { running, scope, timeouts } = frame;
  let earlier: Build | undefined;
  for (;;) {
    running.attempts += 1;
    const executor = openExecutor(options, running.log, running.stages, earlier);
    const failure = await orCleanUp(executor, executor.prepare(scope.signal));
    if (failure === undefined) return executor;
    await executor.cleanup();
    earlier = executor.build();
    if (isFinal(failure)) return failure;
    const ended = scope.failure();
    if (ended !== undefined) return ended;
    running.log.line(`Preparation failed: ${failure.message}`);
    // The real one also waits after the last failure.
    await pause(timeouts.preparationRetryMs, scope.signal);
    if (scope.failure() !== undefined || running.attempts === PREPARATIONS) {
      return scope.failure() ?? failure;
    }
  }
}

async function runPrepared(executor: Executor, frame: Frame): Promise<Failure | undefined> {
  const { running, scope, timeouts } = frame;
  const build = runStages({
    executor,
    log: running.log,
    timeouts,
    scope,
    setCancel: (cancel) => {
      running.cancel = cancel;
    },
  });
  // A time-out or an early cancel waits for a running call, but not for ever: `cleanup` may come
  // while one is alive.
  const { promise: given, resolve } = Promise.withResolvers<"given up">();
  const giveUp = (): void => void pause(timeouts.buildFinishMs).then(() => resolve("given up"));
  scope.signal.addEventListener("abort", giveUp, { once: true });
  if (scope.signal.aborted) giveUp();
  const first = await orCleanUp(executor, Promise.race([build, given]));
  const failure = scope.failure() ?? (first === "given up" ? undefined : first);
  await executor.cleanup();
  await build;
  return failure;
}

/** A test that breaks off (a call over its limit) still leaves no machine behind. */
async function orCleanUp<T>(executor: Executor, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    await executor.cleanup();
    throw error;
  }
}
