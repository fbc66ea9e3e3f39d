/** The `run` calls of a job in their order, and which of them a failure leaves out. */
import { type Build, variableOf } from "./build.ts";
import type { Timeouts } from "./driver.ts";
import { parseDurationMs, pause } from "./duration.ts";
import type { Executor } from "./executor.ts";
import type { JobLog } from "./job-log.ts";
import { openScope, type Scope } from "./scope.ts";
import { stageScript } from "./stage-script.ts";
import type { Failure } from "./verdict.ts";

export interface StagesContext {
  readonly executor: Executor;
  readonly log: JobLog;
  readonly timeouts: Timeouts;
  /** The whole job. */
  readonly scope: Scope;
  /** Who a cancel in GitLab ends from now on. */
  readonly setCancel: (cancel: () => void) => void;
}

type Outcome = Failure | undefined;

export async function runStages(context: StagesContext): Promise<Outcome> {
  const prepared = await runStage(context, "prepare_script", context.scope);
  if (prepared !== undefined) return prepared;
  const sources = await fetchSources(context);
  const user = sources ?? (await runUserScripts(context));
  const cache = await runStage(
    context,
    user === undefined ? "archive_cache" : "archive_cache_on_failure",
    context.scope,
  );
  const artifacts = await runStage(
    context,
    user === undefined ? "upload_artifacts_on_success" : "upload_artifacts_on_failure",
    context.scope,
  );
  await runStage(context, "cleanup_file_variables", context.scope);
  return user ?? cache ?? artifacts;
}

async function fetchSources(context: StagesContext): Promise<Outcome> {
  const build = context.executor.build();
  return (
    (await attempt(context, "get_sources", attempts(build, "GET_SOURCES_ATTEMPTS"))) ??
    (await attempt(context, "restore_cache", attempts(build, "RESTORE_CACHE_ATTEMPTS"))) ??
    (await attempt(context, "download_artifacts", attempts(build, "ARTIFACT_DOWNLOAD_ATTEMPTS")))
  );
}

const ATTEMPTS_MAX = 10;

function attempts(build: Build, key: string): number {
  return Math.max(1, Math.min(ATTEMPTS_MAX, Number(variableOf(build, key) ?? 1) || 1));
}

async function attempt(context: StagesContext, stage: string, times: number): Promise<Outcome> {
  const { timeouts, scope } = context;
  let delayMs = timeouts.stageRetryMs;
  let failure: Outcome;
  for (let index = 0; index < times; index += 1) {
    if (index > 0) {
      await pause(delayMs, scope.signal);
      delayMs = Math.min(delayMs * 2, timeouts.stageRetryMaxMs);
    }
    const cleared =
      stage === "get_sources" && index === 1
        ? await runStage(context, "clear_worktree", scope)
        : undefined;
    failure = cleared ?? (await runStage(context, stage, scope));
    if (failure === undefined) return undefined;
  }
  return failure;
}

async function runUserScripts(context: StagesContext): Promise<Outcome> {
  const { executor, scope, timeouts } = context;
  const limit = (key: string): number | undefined =>
    parseDurationMs(variableOf(executor.build(), key));
  using script = openScope({
    name: "the script",
    parent: scope,
    timeoutMs: limit("RUNNER_SCRIPT_TIMEOUT"),
  });
  context.setCancel(script.cancel);
  const ran = await runSteps(context, script);
  const failure = scope.failure() === undefined ? (script.failure() ?? ran) : ran;
  using after = openScope({
    name: "after_script",
    parent: scope,
    timeoutMs: limit("RUNNER_AFTER_SCRIPT_TIMEOUT") ?? timeouts.afterScriptMs,
  });
  executor.setStatus(statusWord(failure));
  const afterFailure = await runStage(context, "after_script", after);
  if (variableOf(executor.build(), "AFTER_SCRIPT_IGNORE_ERRORS") !== "false") return failure;
  return failure ?? afterFailure;
}

async function runSteps(context: StagesContext, script: Scope): Promise<Outcome> {
  for (const { name } of context.executor.build().job.steps) {
    if (name === "after_script") continue;
    const failure = await runStage(context, `step_${name.toLowerCase()}`, script);
    if (failure !== undefined) return failure;
  }
  return undefined;
}

function statusWord(failure: Outcome): string {
  if (failure === undefined) return "success";
  if (failure.kind === "timeout") return "timedout";
  return failure.kind === "canceled" ? "canceled" : "failed";
}

/** A stage with nothing to do is left out; a scope that has ended runs nothing more. */
async function runStage(context: StagesContext, stage: string, scope: Scope): Promise<Outcome> {
  const ended = scope.failure();
  if (ended !== undefined) return ended;
  const script = stageScript(context.executor.build(), stage);
  if (script === undefined) return undefined;
  context.log.line(`[${stage}]`);
  // The driver knows the main step under its old name.
  const name = stage === "step_script" ? "build_script" : stage;
  return context.executor.run(script, name, scope.signal);
}
