/** `exec [JOBS...]`. */
import { type ExecRequest, execLocalJobs } from "../local/exec.ts";
import { EVENTS, type Event } from "../local/pipeline/pipeline-kind.ts";
import { readVariablesFile } from "../local/variables/variables-file.ts";
import { RunnerError } from "../text/errors.ts";
import { escapeUntrusted } from "../text/escape.ts";
import { parseSize } from "../text/sizes.ts";
import type { Action } from "./context.ts";
import { requireRoot } from "./machine-name.ts";

interface ExecOptions {
  readonly image?: string;
  readonly variable?: readonly string[];
  readonly variablesFile?: string;
  readonly event?: string;
  readonly branch?: string;
  readonly stage?: string;
  readonly from?: string;
  readonly all?: boolean;
  readonly worktree?: boolean;
  readonly keep?: boolean;
  readonly shellOnFailure?: boolean;
  readonly json?: boolean;
  readonly artifacts?: string;
  readonly artifactsSize?: string;
}

export const execAction: Action<[readonly string[], ExecOptions]> = async (
  { host },
  jobs,
  options,
) => {
  requireRoot(host);
  const { variables, files } = readVariablesFile(host, options.variablesFile);
  const code = await execLocalJobs(host, {
    select: selectionOf(jobs, options),
    worktree: options.worktree === true,
    onFailure: options.shellOnFailure ? "shell" : options.keep ? "keep" : "clean up",
    output: {
      kind: options.json ? "json" : "text",
      // A shell, or the word where a kept machine is, has no place beneath a table.
      openTable:
        host.terminal && !options.shellOnFailure && !options.keep
          ? (await import("./job-table.ts")).openJobTable
          : undefined,
    },
    choose:
      host.terminal && !options.json
        ? async (...asked) => (await import("./choose-one.ts")).chooseOne(...asked)
        : undefined,
    image: options.image,
    variables: { ...variables, ...Object.fromEntries((options.variable ?? []).map(parseVariable)) },
    files,
    event: options.event === undefined ? undefined : parseEvent(options.event),
    branch: options.branch,
    artifacts: {
      directory: options.artifacts,
      maxBytes: readSize(options.artifactsSize ?? "1G"),
    },
  });
  return { kind: "code", code };
};

function selectionOf(names: readonly string[], options: ExecOptions): ExecRequest["select"] {
  const { stage, from, all } = options;
  const wishes = [names.length > 0, stage !== undefined, from !== undefined, all === true];
  if (wishes.filter(Boolean).length > 1) {
    throw new RunnerError({
      kind: "usage",
      message: "Jobs by name, --stage, --from and --all exclude each other.",
      hints: ["Give one of them."],
    });
  }
  if (stage !== undefined) return { kind: "stage", stage };
  if (from !== undefined) return { kind: "from", name: from };
  return all === true ? { kind: "all" } : { kind: "jobs", names };
}

function parseEvent(text: string): Event {
  const event = EVENTS.find((each) => each === text);
  if (event !== undefined) return event;
  throw new RunnerError({
    kind: "usage",
    message: `"${escapeUntrusted(text, 60)}" is no event.`,
    hints: [`Give one of ${EVENTS.join(", ")}.`],
  });
}

function readSize(text: string): number {
  const bytes = parseSize(text);
  if (bytes !== undefined && bytes > 0) return bytes;
  throw new RunnerError({
    kind: "usage",
    message: `"${escapeUntrusted(text, 60)}" is not a size.`,
    hints: ["Give it as --artifacts-size 500M, or 2G."],
  });
}

function parseVariable(text: string): [string, string] {
  const [, key, value] = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s.exec(text) ?? [];
  if (key !== undefined && value !== undefined) return [key, value];
  throw new RunnerError({
    kind: "usage",
    message: `"${text.slice(0, 60)}" is not a variable.`,
    hints: ["Give it as --variable KEY=VALUE."],
  });
}
