/** Which driver to call, and how long GitLab Runner waits for what. */

export interface Driver {
  /** A driver may do without; nothing is called then. */
  readonly configExec?: string;
  readonly configArgs?: readonly string[];
  readonly prepareExec?: string;
  readonly prepareArgs?: readonly string[];
  readonly runExec: string;
  readonly runArgs?: readonly string[];
  readonly cleanupExec?: string;
  readonly cleanupArgs?: readonly string[];
}

export interface Timeouts {
  readonly configExecMs: number;
  readonly prepareExecMs: number;
  readonly cleanupExecMs: number;
  readonly gracefulKillMs: number;
  readonly forceKillMs: number;
  /** Between two tries of a preparation. */
  readonly preparationRetryMs: number;
  /** The shortest back-off of get_sources and its like; it doubles up to `stageRetryMaxMs`. */
  readonly stageRetryMs: number;
  readonly stageRetryMaxMs: number;
  /** For a running call after the job's time-out or an early cancel; then `cleanup` comes. */
  readonly buildFinishMs: number;
  readonly afterScriptMs: number;
  /** The job's own, in place of `runner_info.timeout`, which knows only whole seconds. */
  readonly jobMs: number | undefined;
  /** No call of a test may take longer. GitLab Runner has no such limit. */
  readonly callLimitMs: number;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

export const DEFAULT_TIMEOUTS: Timeouts = {
  configExecMs: HOUR,
  prepareExecMs: HOUR,
  cleanupExecMs: HOUR,
  gracefulKillMs: 10 * MINUTE,
  forceKillMs: 10 * SECOND,
  preparationRetryMs: 3 * SECOND,
  stageRetryMs: 5 * SECOND,
  stageRetryMaxMs: 5 * MINUTE,
  buildFinishMs: 5 * MINUTE,
  afterScriptMs: 5 * MINUTE,
  jobMs: undefined,
  callLimitMs: MINUTE,
};
