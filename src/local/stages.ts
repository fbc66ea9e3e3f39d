/** GitLab Runner in small: calls the four stages of our own executable, with its environment. */

import * as v from "valibot";
import type { CommandResult, Host } from "../host/host.ts";
import { WAITS } from "../host/waits.ts";
import { OWNER_VARIABLE } from "../machine/owner.ts";
import { RunnerError } from "../text/errors.ts";
import { imageHints } from "./image-hint.ts";
import type { Script, Shell } from "./job-scripts.ts";
import type { JobLog, OpenSection } from "./log/job-log.ts";
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
  /** The machine's name, once there is one. */
  machine(): string;
  /** Lets a person type lines at our terminal, each of which is a script between these two. */
  attendShell(frame: { readonly before: string; readonly after: string }): Promise<void>;
  cleanup(): Promise<void>;
}

export function openStages(
  host: Host,
  job: {
    readonly scratch: string;
    /** What GitLab would send of the job. */
    readonly response: unknown;
    readonly timeoutSeconds: number;
    readonly image: string | undefined;
    /** The job's own, expanded: what a driver sees as `CUSTOM_ENV_…`. */
    readonly variables: Readonly<Record<string, string>>;
    /** Whose files scripts may hold. */
    readonly invoker: Invoker;
    readonly log: JobLog;
  },
): Stages {
  const { scratch, log } = job;
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
      /** Where it shows what it says; it is in the result when absent. */
      readonly output?: OpenSection["output"];
      readonly onCancel: "ask" | "go on";
      readonly waitMs?: number;
    },
  ): Promise<CommandResult> =>
    host.processes.run([...host.driver, ...words], {
      ...how.output,
      wait: how.waitMs === undefined ? WAITS.job : { ms: how.waitMs },
      ...(how.onCancel === "ask" ? { onCancel: "ask" as const } : {}),
      environment: environmentNow(),
    });

  /** `succeeds` tells whether what the body ends with is what was wanted. */
  const section = async <T>(
    { title, whose }: { readonly title: string; readonly whose: "ours" | "job's" },
    body: (output: OpenSection["output"]) => Promise<T>,
    succeeds: (result: T) => boolean = () => true,
  ): Promise<T> => {
    const open = log.open(title, whose);
    let success = false;
    try {
      const result = await body(open.output);
      success = succeeds(result);
      return result;
    } finally {
      open.end(success);
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
  const runScript = async (
    step: string,
    script: Script,
    output: OpenSection["output"],
  ): Promise<CommandResult | undefined> => {
    const path = await writeScript(script);
    const waitMs = Math.max(1, endsAtMs - host.clock.elapsedMs());
    try {
      // What a cancelled job still does (after_script) is not cancelled again.
      const onCancel = host.signal.aborted ? "go on" : "ask";
      return await call(["run", path, step], { output, onCancel, waitMs });
    } catch (error) {
      if (host.clock.elapsedMs() >= endsAtMs) return undefined;
      throw error;
    } finally {
      host.files.remove(path);
    }
  };

  const runSection = (
    about: { readonly title: string; readonly whose: "ours" | "job's" },
    step: string,
    script: Script,
  ): Promise<ScriptEnd> =>
    section(
      about,
      async (output): Promise<ScriptEnd> => {
        const result = await runScript(step, script, output);
        if (result === undefined) return { kind: "out of time" };
        if (result.exitCode === 0) return { kind: "exited", code: 0 };
        if (result.exitCode !== BUILD_FAILURE) throw failed("run", "");
        const told = host.files.probe(codeFile) !== undefined;
        return { kind: "exited", code: told ? Number(host.files.readText(codeFile)) : 1 };
      },
      (end) => end.kind === "exited" && end.code === 0,
    );

  return {
    prepare: () =>
      section({ title: 'Preparing the "custom" executor', whose: "ours" }, async (output) => {
        const config = await call(["config"], { onCancel: "ask" });
        if (config.exitCode !== 0) throw failed("config", config.stderr);
        const parsed = v.parse(configSchema, JSON.parse(config.stdout));
        jobEnvironment = parsed.job_env;
        const prepared = await call(["prepare"], { output, onCancel: "ask" });
        if (prepared.exitCode === BUILD_FAILURE) throw refused(job.image);
        if (prepared.exitCode !== 0) throw failed("prepare", "");
        return { shell: parsed.shell, buildsDirectory: parsed.builds_dir };
      }),
    run: (title, step, script) => runSection({ title, whose: "job's" }, step, script),
    must: async (title, step, script) => {
      const end = await runSection({ title, whose: "ours" }, step, script);
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
      if (to.stderr !== "") log.say(to.stderr.trimEnd());
      return true;
    },
    machine: () => jobEnvironment.NSPAWN_RUNNER_MACHINE ?? "",
    attendShell: async ({ before, after }) => {
      const [head, tail] = [`${scratch}/shell-before`, `${scratch}/shell-after`];
      host.files.writeText(head, before, 0o600);
      host.files.writeText(tail, after, 0o600);
      const words = ["bash", "-c", SHELL, "bash", head, tail, `${scratch}/shell-line`];
      await host.processes.run([...words, ...host.driver], {
        terminal: "inherit",
        wait: WAITS.build,
        environment: environmentNow(),
      });
    },
    cleanup: async () => {
      await section({ title: "Cleaning up", whose: "ours" }, (output) =>
        call(["cleanup"], { output, onCancel: "go on" }),
      );
    },
  };
}

/** Lines are read on the host, with a history; the machine has no terminal of it. */
const SHELL = `before=$1 after=$2 script=$3
shift 3
while IFS= read -e -r -p 'job$ ' line; do
  case $line in exit | logout) break ;; esac
  history -s -- "$line"
  { cat "$before"; printf '%s\\n' "$line"; cat "$after"; } >"$script"
  chmod 700 "$script"
  "$@" run "$script" build_script
done`;

/** Nothing that another try would mend. */
function refused(image: string | undefined): RunnerError {
  return new RunnerError({
    kind: "usage",
    message: "There is no machine for the job, for the reason shown above.",
    hints: imageHints(image),
  });
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
