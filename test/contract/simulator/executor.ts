/** One try of a job on a driver: a new temporary directory, and the four kinds of call. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import {
  type Build,
  type DriverConfig,
  expandImages,
  planBuild,
  planUnconfigured,
  withStatus,
} from "./build.ts";
import { type Call, type CallEnd, startCall } from "./call.ts";
import { callEnvironment, runnerEnvironment } from "./call-environment.ts";
import { DEFAULT_TIMEOUTS, type Driver, type Timeouts } from "./driver.ts";
import { greeting, parseConfig } from "./driver-config.ts";
import type { JobLog } from "./job-log.ts";
import type { JobResponse } from "./job-response.ts";
import { recordOf, type StageRecord } from "./stage-record.ts";
import { type Failure, judge } from "./verdict.ts";

export interface ExecutorOptions {
  readonly driver: Driver;
  readonly job: JobResponse;
  readonly timeouts?: Partial<Timeouts>;
  /** Added to the runner's own environment, which reaches every call. */
  readonly env?: Readonly<Record<string, string>>;
  /** In place of the job as JSON, for a response file that is not one. */
  readonly responseText?: string;
  readonly onCall?: (call: Call, stage: string) => void;
  readonly onOutput?: (chunk: Uint8Array, stage: string) => void;
}

type CallKind = "config" | "prepare" | "run" | "cleanup";

export interface Executor {
  readonly directory: string;
  readonly exitCodeFile: string;
  /** Facts of the job; complete once `config` has answered. */
  build(): Build;
  /** How the script ended, for all calls after it. */
  setStatus(status: string): void;
  /** Starts a call and does not wait. The words come after the stage's own arguments. */
  start(kind: CallKind, words?: readonly string[]): Call;
  /** As `start("run")`, of a new script file. */
  startRun(script: string, stage: string): Call;
  prepare(signal?: AbortSignal): Promise<Failure | undefined>;
  run(script: string, stage: string, signal?: AbortSignal): Promise<Failure | undefined>;
  /** Its result changes nothing for the job. Removes the temporary directory. */
  cleanup(): Promise<void>;
}

/** What one call needs besides how to start it. */
interface Errand {
  readonly stage: string;
  readonly start: () => Call;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number;
}

export function openExecutor(
  options: ExecutorOptions,
  log: JobLog,
  records: StageRecord[],
  /** Of the try before: what its `config` said is known until the next one answers. */
  earlier?: Build,
): Executor {
  const { driver } = options;
  const job = expandImages(options.job);
  const timeouts = { ...DEFAULT_TIMEOUTS, ...options.timeouts };
  const directory = mkdtempSync(`${tmpdir()}/custom-executor`);
  const exitCodeFile = `${directory}/build_exit_code`;
  const jobResponseFile = `${directory}/response.json`;
  writeFileSync(jobResponseFile, options.responseText ?? `${JSON.stringify(job)}\n`, {
    mode: 0o600,
  });
  let config: DriverConfig = {};
  let build = earlier ?? planUnconfigured(job);

  const start: Executor["start"] = (kind, words = []) => {
    const stage = words[1] ?? kind;
    const call = startCall({
      ...timeouts,
      limitMs: timeouts.callLimitMs,
      argv: [...commandOf(driver, kind), ...words],
      cwd: directory,
      env: callEnvironment({
        runner: runnerEnvironment(options.env),
        temporaryDirectory: directory,
        exitCodeFile,
        jobResponseFile,
        jobEnv: config.job_env ?? {},
        build,
      }),
      take: (chunk, stream) => {
        if (kind !== "cleanup" && !(kind === "config" && stream === "stdout")) log.write(chunk);
        options.onOutput?.(chunk, stage);
      },
    });
    options.onCall?.(call, stage);
    return call;
  };

  const perform = async (errand: Errand): Promise<Failure | undefined> => {
    const startedAt = performance.now();
    let call: Call;
    try {
      call = errand.start();
    } catch (error) {
      return { kind: "system_failure", message: `failed to start command: ${String(error)}` };
    }
    const end = await awaitEnd(call, errand);
    records.push(recordOf(errand.stage, { end, call, ms: performance.now() - startedAt }));
    return judge(end, exitCodeFile);
  };

  const startRun: Executor["startRun"] = (script, stage) =>
    start("run", [writeScript(directory, script), stage]);

  const configure = async (signal?: AbortSignal): Promise<Failure | undefined> => {
    const failure = await perform({
      stage: "config",
      start: () => start("config"),
      signal,
      timeoutMs: timeouts.configExecMs,
    });
    if (failure !== undefined) return failure;
    try {
      config = parseConfig(records.at(-1)?.stdout.toString("utf8") ?? "");
      build = planBuild(job, config);
      return undefined;
    } catch (error) {
      return { kind: "system_failure", message: `the driver's config: ${String(error)}` };
    }
  };

  return {
    directory,
    exitCodeFile,
    build: () => build,
    setStatus: (status) => {
      build = withStatus(build, status);
    },
    start,
    startRun,
    prepare: async (signal) => {
      if (driver.configExec === undefined) build = planBuild(job, config);
      const failure = driver.configExec === undefined ? undefined : await configure(signal);
      if (failure !== undefined) return failure;
      log.line(greeting(config));
      if (driver.prepareExec === undefined) return undefined;
      const timeoutMs = timeouts.prepareExecMs;
      return perform({ stage: "prepare", start: () => start("prepare"), signal, timeoutMs });
    },
    run: (script, stage, signal) =>
      perform({ stage, start: () => startRun(script, stage), signal }),
    cleanup: async () => {
      try {
        if (driver.cleanupExec === undefined) return;
        const timeoutMs = timeouts.cleanupExecMs;
        await perform({ stage: "cleanup", start: () => start("cleanup"), timeoutMs });
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    },
  };
}

function commandOf(driver: Driver, kind: CallKind): string[] {
  const program = driver[`${kind}Exec`];
  if (program === undefined) throw new Error(`The driver has no ${kind}_exec.`);
  return [program, ...(driver[`${kind}Args`] ?? [])];
}

/** The end comes early when the signal or the time-out says so. */
async function awaitEnd(call: Call, errand: Errand): Promise<CallEnd> {
  const { promise: stopped, resolve } = Promise.withResolvers<undefined>();
  const stop = (): void => resolve(undefined);
  if (errand.signal?.aborted === true) stop();
  errand.signal?.addEventListener("abort", stop, { once: true });
  const timer = errand.timeoutMs === undefined ? undefined : setTimeout(stop, errand.timeoutMs);
  try {
    return (await Promise.race([call.ended, stopped])) ?? (await call.end());
  } finally {
    clearTimeout(timer);
    errand.signal?.removeEventListener("abort", stop);
  }
}

function writeScript(directory: string, script: string): string {
  const path = `${mkdtempSync(`${directory}/script`)}/script`;
  writeFileSync(path, script, { mode: 0o700 });
  return path;
}
