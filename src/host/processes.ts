/** Starts commands. Every command of the project but the local runner's own stages goes through here. */
import { RunnerError } from "../text/errors.ts";
import { formatCommand, formatCommandFailure } from "../text/format-command.ts";
import { becomeProgram } from "./libc.ts";
import type { Log } from "./log.ts";

export interface CommandResult {
  readonly argv: readonly string[];
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
  readonly stdout: string;
  readonly stderr: string;
  readonly durationMs: number;
}

export interface ExecOptions {
  /** Text for the command's stdin; nothing when absent. */
  readonly input?: string;
  /**
   * Give the command our own terminal (`inherit`), our stdout and stderr (`output`), or stream all
   * its output to our stderr (`progress`).
   */
  readonly terminal?: "inherit" | "output" | "progress";
  /** Takes stdout and stderr as they come, for a log; the result's texts are empty then. */
  readonly onOutput?: (bytes: Uint8Array) => void;
  readonly environment?: Readonly<Record<string, string>>;
  readonly workingDirectory?: string;
  /** End the command when we are asked to end. */
  readonly interruptible?: boolean;
}

export interface Processes {
  /** Runs a command to its end, whatever its exit code. Throws when it cannot be started. */
  run(argv: readonly string[], options?: ExecOptions): Promise<CommandResult>;
  /** As `run`, but throws a system error when the command fails. Returns its stdout. */
  exec(argv: readonly string[], options?: ExecOptions): Promise<string>;
  /** Our process becomes that program, an absolute path, with our environment. Throws, or is gone. */
  become(argv: readonly string[]): never;
  /** Where a command is, by PATH; nothing when it is not installed. */
  which(command: string): string | undefined;
}

/** Commands that read nothing from a person speak plain English, whatever the locale. */
const PLAIN_LOCALE = { LC_ALL: "C.UTF-8" };

export function openProcesses(context: {
  readonly log: Log;
  readonly environment: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}): Processes {
  const { log, environment, signal } = context;
  const path = environment.PATH ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

  async function run(argv: readonly string[], options: ExecOptions = {}): Promise<CommandResult> {
    const startedAt = performance.now();
    log.debug(formatCommand(argv));
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
              : new Blob([options.input]),
        stdout: options.terminal === "progress" ? 2 : output,
        stderr: output,
        env: { PATH: path, ...PLAIN_LOCALE, ...passOn(environment), ...options.environment },
        ...(options.workingDirectory === undefined ? {} : { cwd: options.workingDirectory }),
        ...(options.interruptible ? { signal, killSignal: "SIGTERM" } : {}),
      });
    } catch (cause) {
      throw new RunnerError({
        kind: "system",
        message: `Cannot start "${argv[0]}".`,
        hints: [`Is the command "${argv[0]}" installed?`],
        cause,
      });
    }
    const read = options.onOutput === undefined ? text : drain(options.onOutput);
    const [stdout, stderr] = await Promise.all([read(child.stdout), read(child.stderr)]);
    await child.exited;
    return {
      argv,
      exitCode: child.exitCode ?? undefined,
      signal: child.signalCode === null ? undefined : String(child.signalCode),
      stdout,
      stderr,
      durationMs: performance.now() - startedAt,
    };
  }

  async function exec(argv: readonly string[], options?: ExecOptions): Promise<string> {
    const result = await run(argv, options);
    if (result.exitCode === 0) return result.stdout;
    throw new RunnerError({ kind: "system", message: formatCommandFailure(result) });
  }

  return {
    run,
    exec,
    become: (argv) => becomeProgram(argv[0] ?? "", argv, environment),
    which: (command) => Bun.which(command, { PATH: path }) ?? undefined,
  };
}

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

async function text(stream: unknown): Promise<string> {
  return stream instanceof ReadableStream ? new Response(stream).text() : "";
}

function drain(take: (bytes: Uint8Array) => void): (stream: unknown) => Promise<string> {
  return async (stream) => {
    if (stream instanceof ReadableStream) for await (const bytes of stream) take(bytes);
    return "";
  };
}
