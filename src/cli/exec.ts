/** `exec [JOBS...]`. */
import { execLocalJobs } from "../local/exec.ts";
import { EVENTS, type Event } from "../local/pipeline/pipeline-kind.ts";
import { readVariablesFile } from "../local/variables/variables-file.ts";
import { RunnerError } from "../text/errors.ts";
import { escapeUntrusted } from "../text/escape.ts";
import { parseSize } from "../text/sizes.ts";
import type { Action } from "./context.ts";

interface ExecOptions {
  readonly image?: string;
  readonly variable?: readonly string[];
  readonly variablesFile?: string;
  readonly event?: string;
  readonly branch?: string;
  readonly artifacts?: string;
  readonly artifactsSize?: string;
}

export const execAction: Action<[readonly string[], ExecOptions]> = async (
  { host },
  jobs,
  options,
) => {
  const { variables, files } = readVariablesFile(host, options.variablesFile);
  const code = await execLocalJobs(host, {
    jobs,
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
