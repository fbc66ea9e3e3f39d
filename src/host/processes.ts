/** Starts commands. Every command of the project but the local runner's own stages goes through here. */
import { RunnerError } from "../text/errors.ts";
import { formatCommand, formatCommandFailure } from "../text/format-command.ts";
import { formatSize } from "../text/sizes.ts";
import { holdIds, type IdMap } from "./id-map.ts";
import { becomeProgram, blockSignal, filterSystemCalls, SIGQUIT } from "./libc.ts";
import type { Log } from "./log.ts";
import {
  awaitManager,
  lostManager,
  MANAGER_SOCKET,
  startCommand,
  UNIT_ABSENT,
  wasHeard,
} from "./manager.ts";
import { type Passed, pipeCommands, readStart } from "./pipe.ts";
import { type ProcessFacts, probeProcess } from "./process-facts.ts";
import { LOOK_MS, standStill } from "./stand-still.ts";
import { WAITS, type Wait } from "./waits.ts";

export interface CommandResult {
  readonly argv: readonly string[];
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
  readonly stdout: string;
  readonly stderr: string;
  readonly durationMs: number;
}

export interface ExecOptions {
  /** Text for the command's stdin, or `ours`: what we were given ourselves. Nothing when absent. */
  readonly input?: string | { readonly kind: "ours" };
  /**
   * Give the command our own terminal (`inherit`), our stdout and stderr (`output`), or stream all
   * its output to our stderr (`progress`).
   */
  readonly terminal?: "inherit" | "output" | "progress";
  /** Takes stdout and stderr as they come, for a log; the result's texts are empty then. */
  readonly onOutput?: (bytes: Uint8Array) => void;
  readonly environment?: Readonly<Record<string, string>>;
  readonly workingDirectory?: string;
  /**
   * What becomes of the command when we are asked to end. `kill`: it ends at once, and the call
   * throws that it was cancelled. `ask`: it gets SIGTERM, and ends as it wants to. It goes on when
   * absent, as what undoes something has to.
   */
  readonly onCancel?: "kill" | "ask";
  /** How long it may take: `WAITS.command` when absent. */
  readonly wait?: Pick<Wait, "ms">;
  /**
   * Asked every few milliseconds: the command is not begun while it is true, and stopped, with all that
   * it has started, until it no longer is. That time counts as the command's.
   */
  readonly isToStand?: () => boolean;
  /** How much it may print, on stdout and on stderr each. More ends it, and the call throws. */
  readonly outputMaxBytes?: number;
}

/** A command of a pipe: what is read of it is bounded by the pipe itself. */
export type PipeEnd = { readonly argv: readonly string[] } & Pick<
  ExecOptions,
  "environment" | "workingDirectory"
>;

export interface PipeResult {
  readonly from: CommandResult;
  readonly to: CommandResult;
  /** Whether all went through. `from` was ended when it had more than the pipe takes, or `to` wants. */
  readonly passed: Passed;
}

export interface Processes {
  /**
   * Runs a command to its end, whatever its exit code. Throws a system error when it cannot be
   * started, did not end in time, or was interrupted.
   */
  run(argv: readonly string[], options?: ExecOptions): Promise<CommandResult>;
  /** As `run`, but throws a system error when the command fails. Returns its stdout. */
  exec(argv: readonly string[], options?: ExecOptions): Promise<string>;
  /**
   * What `from` prints is the input of `to`, at most `maxBytes` of it, and none is kept in memory:
   * who reads slowly slows down who writes. What both say on stderr, and `to` on stdout, is bounded.
   */
  pipe(
    from: PipeEnd,
    to: PipeEnd,
    options: { readonly maxBytes: number; readonly wait: Pick<Wait, "ms"> },
  ): Promise<PipeResult>;
  /**
   * Starts a command and leaves it to itself: it may outlive us, and nobody hears how it ends. For what
   * another sees to when it fails. Throws a system error when it cannot be started.
   */
  leave(argv: readonly string[]): Promise<void>;
  /**
   * Our process becomes that program, an absolute path, with our environment, and a filter of system
   * calls in the form of seccomp(2) where there is to be one. Throws, or is gone.
   */
  become(argv: readonly string[], filter?: Uint8Array): never;
  /** See `id-map.ts`. */
  holdIds(map: IdMap): Promise<number>;
  /** Where a command is, by PATH; nothing when it is not installed. */
  which(command: string): string | undefined;
  /** See `process-facts.ts`. */
  probe(id: number): ProcessFacts | undefined;
}

/** Commands that read nothing from a person speak plain English, whatever the locale. */
const PLAIN_LOCALE = { LC_ALL: "C.UTF-8" };

export function openProcesses(context: {
  readonly log: Log;
  readonly environment: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** What we start is not ended by SIGQUIT. */
  readonly drains?: boolean;
  /** Of the service manager; a test has one of its own. */
  readonly managerSocket?: string;
}): Processes {
  const { log, environment, signal, managerSocket = MANAGER_SOCKET } = context;
  let drains = context.drains ?? false;
  const path = environment.PATH ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

  const environmentOf = (options: Pick<ExecOptions, "environment">): Record<string, string> => ({
    PATH: path,
    ...PLAIN_LOCALE,
    ...passOn(environment),
    ...options.environment,
  });

  async function run(argv: readonly string[], options: ExecOptions = {}): Promise<CommandResult> {
    const startedAt = performance.now();
    while (options.isToStand?.() && !signal.aborted) await Bun.sleep(LOOK_MS);
    const first = await runOnce(argv, options);
    if (!lostManager(first)) return first;
    const leftMs = (options.wait ?? WAITS.command).ms - (performance.now() - startedAt);
    const waitMs = Math.min(WAITS.managerRestart.ms, leftMs);
    log.debug(`# ${first.stderr.trim()}; once more, when systemd answers again`);
    await awaitManager(managerSocket, { ms: waitMs, signal });
    const second = await runOnce(argv, { ...options, wait: { ms: Math.max(leftMs, 1) } });
    return wasHeard(second) ? join(second, Math.max(leftMs, 1)) : second;
  }

  /** The first try's job, which nobody waits for any more: `start` waits for the job that there is. */
  async function join(heard: CommandResult, ms: number): Promise<CommandResult> {
    const { exitCode, stderr } = await runOnce(startCommand(heard.argv), { wait: { ms } });
    // A unit that is not there any more has begun, and ended: how, its own caller sees.
    return { ...heard, exitCode: exitCode === UNIT_ABSENT ? 0 : exitCode, stderr };
  }

  async function runOnce(argv: readonly string[], options: ExecOptions): Promise<CommandResult> {
    const startedAt = performance.now();
    if (options.onCancel === "kill" && signal.aborted) throw cancelled(argv);
    log.debug(formatCommand(argv));
    if (drains) {
      // Blocked, not ignored: the runtime gives its children the default of every signal, and leaves
      // them its mask (Bun 1.4.5).
      blockSignal(SIGQUIT);
      drains = false;
    }
    const output = options.terminal === undefined ? "pipe" : "inherit";
    let child: Bun.Subprocess<
      "ignore" | "inherit" | Blob,
      "pipe" | "inherit" | 2,
      "pipe" | "inherit"
    >;
    try {
      child = Bun.spawn([...argv], {
        stdin:
          options.terminal === "inherit"
            ? "inherit"
            : options.input === undefined
              ? "ignore"
              : typeof options.input === "string"
                ? new Blob([options.input])
                : "inherit",
        stdout: options.terminal === "progress" ? 2 : output,
        stderr: output,
        ...(options.onCancel === "ask" ? { signal, killSignal: "SIGTERM" } : {}),
        env: environmentOf(options),
        // A process group of its own, to be stopped as one.
        detached: options.isToStand !== undefined,
        ...(options.workingDirectory === undefined ? {} : { cwd: options.workingDirectory }),
      });
    } catch (cause) {
      throw cannotStart(argv, cause);
    }
    using bound = boundCommand(child, {
      ms: (options.wait ?? WAITS.command).ms,
      signal: options.onCancel === "kill" ? signal : undefined,
    });
    using _standing =
      options.isToStand === undefined ? undefined : standStill(child.pid, options.isToStand);
    const read =
      options.onOutput === undefined
        ? text(options.outputMaxBytes, () => bound.end("too much"))
        : drain(options.onOutput);
    const all = Promise.all([read(child.stdout), read(child.stderr), child.exited]);
    // What a killed command has started may hold its output open.
    const texts = await Promise.race([all, bound.killed]);
    // Told in the same moment as the command, as by ^C in a terminal, we may hear of its end first.
    if (options.onCancel === "kill") await nextTurn();
    if (options.onCancel === "kill" && signal.aborted) throw cancelled(argv);
    if (bound.why === "too late") throw tooLate(argv, performance.now() - startedAt);
    if (bound.why === "too much") throw tooMuch(argv, options.outputMaxBytes ?? 0);
    const [stdout, stderr] = texts ?? ["", ""];
    return {
      argv,
      exitCode: child.exitCode ?? undefined,
      signal: child.signalCode === null ? undefined : String(child.signalCode),
      stdout,
      stderr,
      durationMs: performance.now() - startedAt,
    };
  }

  async function leave(argv: readonly string[]): Promise<void> {
    log.debug(formatCommand(argv));
    try {
      // None of our descriptors: GitLab Runner waits for who holds them.
      const stdio = ["ignore", "ignore", "ignore"] as const;
      Bun.spawn([...argv], { stdio: [...stdio], detached: true, env: environmentOf({}) }).unref();
    } catch (cause) {
      throw cannotStart(argv, cause);
    }
  }

  async function exec(argv: readonly string[], options?: ExecOptions): Promise<string> {
    const result = await run(argv, options);
    if (result.exitCode === 0) return result.stdout;
    throw new RunnerError({ kind: "system", message: formatCommandFailure(result) });
  }

  return {
    run,
    exec,
    pipe: (from, to, options) => {
      log.debug(`${formatCommand(from.argv)} | ${formatCommand(to.argv)}`);
      const whole = (end: PipeEnd) => ({ ...end, environment: environmentOf(end) });
      return pipeCommands(whole(from), whole(to), { ...options, signal });
    },
    leave,
    become: (argv, filter) => {
      if (filter !== undefined) filterSystemCalls(filter);
      return becomeProgram(argv[0] ?? "", argv, environment);
    },
    holdIds,
    which: (command) => Bun.which(command, { PATH: path }) ?? undefined,
    probe: probeProcess,
  };
}

type WhyEnded = "cancelled" | "too late" | "too much";

interface Bound extends Disposable {
  /** Why we have ended the command; nothing while we have not. */
  readonly why: WhyEnded | undefined;
  end(why: WhyEnded): void;
  /** Resolves once it is dead because we ended it, and never when it ended by itself. */
  readonly killed: Promise<undefined>;
}

/** Ends a command when its time is over or `signal` aborts: SIGTERM, then SIGKILL. */
function boundCommand(
  child: { kill(signal: NodeJS.Signals): void; readonly exited: Promise<number> },
  limits: { readonly ms: number; readonly signal: AbortSignal | undefined },
): Bound {
  const { promise: killed, resolve } = Promise.withResolvers<undefined>();
  let why: Bound["why"];
  let killing: ReturnType<typeof setTimeout> | undefined;
  const end = (reason: WhyEnded): void => {
    if (why !== undefined) return;
    why = reason;
    child.kill("SIGTERM");
    killing = setTimeout(() => child.kill("SIGKILL"), WAITS.afterTerm.ms);
    const dead = (): void => resolve(undefined);
    child.exited.then(dead, dead);
  };
  const cancel = (): void => end("cancelled");
  // The longest that a timer takes (2^31 − 1 ms) is more than any bound.
  const timer = setTimeout(() => end("too late"), limits.ms);
  limits.signal?.addEventListener("abort", cancel, { once: true });
  if (limits.signal?.aborted) cancel();
  return {
    get why() {
      return why;
    },
    end,
    killed,
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      clearTimeout(killing);
      limits.signal?.removeEventListener("abort", cancel);
    },
  };
}

/** What the runtime has to tell of signals that have come, it has told then. */
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const cancelled = (argv: readonly string[]): RunnerError =>
  new RunnerError({ kind: "system", message: `"${argv[0]}" was cancelled: we were told to end.` });

const tooLate = (argv: readonly string[], ms: number): RunnerError =>
  new RunnerError({
    kind: "system",
    message: `"${formatCommand(argv)}" did not end within ${Math.round(ms / 1000)} s.`,
    hints: ["It was killed. Is the host very busy, or a disk or the bus stuck?"],
  });

const tooMuch = (argv: readonly string[], maxBytes: number): RunnerError =>
  new RunnerError({
    kind: "system",
    message: `"${argv[0]}" printed more than ${formatSize(maxBytes)}, and was ended for that.`,
  });

const cannotStart = (argv: readonly string[], cause: unknown): RunnerError =>
  new RunnerError({
    kind: "system",
    message: `Cannot start "${argv[0]}".`,
    hints: [`Is the command "${argv[0]}" installed?`],
    cause,
  });

/** What commands of ours may know of our environment: never a job's variables. */
function passOn(environment: Readonly<Record<string, string>>): Record<string, string> {
  const names = ["HOME", "TERM", "http_proxy", "https_proxy", "no_proxy", "NO_COLOR"];
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = environment[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

function text(
  maxBytes: number | undefined,
  onMore: () => void,
): (stream: unknown) => Promise<string> {
  return async (stream) => {
    if (!(stream instanceof ReadableStream)) return "";
    if (maxBytes === undefined) return new Response(stream).text();
    return readStart(stream, maxBytes, onMore);
  };
}

function drain(take: (bytes: Uint8Array) => void): (stream: unknown) => Promise<string> {
  return async (stream) => {
    if (stream instanceof ReadableStream) for await (const bytes of stream) take(bytes);
    return "";
  };
}
