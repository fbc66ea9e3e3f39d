/** GitLab Runner in small: calls the four stages of our own executable, with its environment. */

import * as v from "valibot";
import type { CommandResult, Host } from "../host/host.ts";
import { WAITS } from "../host/waits.ts";
import { OWNER_VARIABLE } from "../machine/owner.ts";
import { RunnerError } from "../text/errors.ts";
import type { Script, Shell } from "./job-scripts.ts";
import type { Invoker } from "./repository/invoker.ts";

const BUILD_FAILURE = 1;
const SYSTEM_FAILURE = 2;

const configSchema = v.object({
  builds_dir: v.string(),
  job_env: v.record(v.string(), v.string()),
  shell: v.optional(v.picklist(["bash", "sh"]), "bash"),
});

/** How a script has ended; the job's own time may be over first. */
export type ScriptEnd =
  | { readonly kind: "exited"; readonly code: number }
  | { readonly kind: "out of time" };

export interface Stages {
  /** `config` and `prepare`. Throws when there is no machine; the reason was shown. */
  prepare(): Promise<{ readonly shell: Shell; readonly buildsDirectory: string }>;
  /** Runs a script. Throws when it was not the script that failed. */
  run(title: string, step: string, script: Script): Promise<ScriptEnd>;
  /** As `run`, for scripts of ours: a failure ends the job. */
  must(title: string, step: string, script: Script): Promise<void>;
  /**
   * As `must`, silently; what the script prints is the input of a command, up to `maxBytes` of it.
   * That command has warned and failed by its own words. False when there was more.
   */
  pipe(
    step: string,
    script: Script,
    to: { readonly argv: readonly string[]; readonly maxBytes: number },
  ): Promise<boolean>;
  cleanup(): Promise<void>;
}

export function openStages(
  host: Host,
  job: {
    readonly scratch: string;
    /** What GitLab would send of the job. */
    readonly response: unknown;
    readonly timeoutSeconds: number;
    /** The job's own, expanded: what a driver sees as `CUSTOM_ENV_…`. */
    readonly variables: Readonly<Record<string, string>>;
    /** Whose files scripts may hold. */
    readonly invoker: Invoker;
  },
): Stages {
  const { scratch } = job;
  const endsAtMs = host.clock.elapsedMs() + job.timeoutSeconds * 1000;
  const response = `${scratch}/response.json`;
  const codeFile = `${scratch}/build_exit_code`;
  let jobEnvironment: Readonly<Record<string, string>> = {};
  host.files.writeText(response, JSON.stringify(job.response), 0o600);

  const environmentNow = (): Record<string, string> => ({
    ...configurationOf(host),
    TMPDIR: scratch,
    BUILD_FAILURE_EXIT_CODE: String(BUILD_FAILURE),
    SYSTEM_FAILURE_EXIT_CODE: String(SYSTEM_FAILURE),
    BUILD_EXIT_CODE_FILE: codeFile,
    JOB_RESPONSE_FILE: response,
    // The job's machine is ours: it ends with us, however we end.
    [OWNER_VARIABLE]: String(host.processId),
    ...asCustomEnvironment(job.variables),
    ...jobEnvironment,
  });

  const call = (
    words: readonly string[],
    how: {
      readonly output: "show" | "capture";
      readonly onCancel: "ask" | "go on";
      readonly waitMs?: number;
    },
  ): Promise<CommandResult> =>
    host.processes.run([...host.driver, ...words], {
      ...(how.output === "show" ? { terminal: "output" as const } : {}),
      wait: how.waitMs === undefined ? WAITS.job : { ms: how.waitMs },
      ...(how.onCancel === "ask" ? { onCancel: "ask" as const } : {}),
      environment: environmentNow(),
    });

  const section = async <T>(title: string, body: () => Promise<T>): Promise<T> => {
    const startedAt = host.clock.elapsedMs();
    host.print(`${title}\n`, "title");
    try {
      return await body();
    } finally {
      const seconds = ((host.clock.elapsedMs() - startedAt) / 1000).toFixed(2);
      host.print(`(${seconds} s)\n`, "aside");
    }
  };

  /** Files of who called us are read as they may read them, and pass through no memory of ours. */
  const writeScript = async (script: Script): Promise<string> => {
    const path = `${scratch}/script-${host.randomName(8)}`;
    host.files.writeText(path, "", 0o700);
    for (const part of script) {
      if (typeof part === "string") host.files.append(path, part);
      else {
        const encode = [...job.invoker.words, "base64", "--", part.file];
        const words = ["sh", "-c", 'out=$1; shift; exec "$@" >>"$out"', "sh", path, ...encode];
        await host.processes.exec(words, { wait: WAITS.copy, onCancel: "kill" });
      }
    }
    return path;
  };

  /** Nothing when the job's time is over. */
  const runScript = async (step: string, script: Script): Promise<CommandResult | undefined> => {
    const path = await writeScript(script);
    const waitMs = Math.max(1, endsAtMs - host.clock.elapsedMs());
    try {
      // What a cancelled job still does (after_script) is not cancelled again.
      const onCancel = host.signal.aborted ? "go on" : "ask";
      return await call(["run", path, step], { output: "show", onCancel, waitMs });
    } catch (error) {
      if (host.clock.elapsedMs() >= endsAtMs) return undefined;
      throw error;
    } finally {
      host.files.remove(path);
    }
  };

  const stages: Stages = {
    prepare: () =>
      section('Preparing the "custom" executor', async () => {
        const config = await call(["config"], { output: "capture", onCancel: "ask" });
        if (config.exitCode !== 0) throw failed("config", config.stderr);
        const parsed = v.parse(configSchema, JSON.parse(config.stdout));
        jobEnvironment = parsed.job_env;
        const prepared = await call(["prepare"], { output: "show", onCancel: "ask" });
        if (prepared.exitCode !== 0) throw failed("prepare", "");
        return { shell: parsed.shell, buildsDirectory: parsed.builds_dir };
      }),
    run: (title, step, script) =>
      section(title, async () => {
        const result = await runScript(step, script);
        if (result === undefined) return { kind: "out of time" };
        if (result.exitCode === 0) return { kind: "exited", code: 0 };
        if (result.exitCode !== BUILD_FAILURE) throw failed("run", "");
        const told = host.files.probe(codeFile) !== undefined;
        return { kind: "exited", code: told ? Number(host.files.readText(codeFile)) : 1 };
      }),
    must: async (title, step, script) => {
      const end = await stages.run(title, step, script);
      if (end.kind === "out of time") throw failed(step, "the job's time is over");
      if (end.code !== 0) throw failed(step, `exit code ${end.code}`);
    },
    pipe: async (step, script, { argv, maxBytes }) => {
      const words = [...host.driver, "run", await writeScript(script), step];
      const { from, to, passed } = await host.processes.pipe(
        { argv: words, environment: environmentNow() },
        { argv },
        { maxBytes, wait: WAITS.job },
      );
      if (passed === "too much") return false;
      if (to.exitCode !== 0) throw failed(step, to.stderr);
      if (passed === "unwanted")
        throw failed(step, "The machine sends more than it has announced.");
      if (from.exitCode !== 0) throw failed(step, from.stderr);
      if (to.stderr !== "") host.log.info(to.stderr.trimEnd());
      return true;
    },
    cleanup: async () => {
      await section("Cleaning up", () => call(["cleanup"], { output: "show", onCancel: "go on" }));
    },
  };
  return stages;
}

function failed(stage: string, why: string): RunnerError {
  return new RunnerError({
    kind: "system",
    message: `The job could not be run: "${stage}" failed${why === "" ? ", as shown above" : ""}.`,
    ...(why === "" ? {} : { cause: new Error(why.trim()) }),
  });
}

function configurationOf(host: Host): Record<string, string> {
  const { NSPAWN_RUNNER_CONFIG: path } = host.environment;
  return path === undefined ? {} : { NSPAWN_RUNNER_CONFIG: path };
}

function asCustomEnvironment(variables: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(variables).map(([name, value]) => [`CUSTOM_ENV_${name}`, value]),
  );
}
