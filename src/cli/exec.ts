/** `exec [JOB]`. */
import { execLocalJob } from "../local/exec.ts";
import { RunnerError } from "../text/errors.ts";
import { escapeUntrusted } from "../text/escape.ts";
import { parseSize } from "../text/sizes.ts";
import type { Action } from "./context.ts";

interface ExecOptions {
  readonly image?: string;
  readonly variable?: readonly string[];
  readonly artifacts?: string;
  readonly artifactsSize?: string;
}

export const execAction: Action<[string | undefined, ExecOptions]> = async (
  { host },
  job,
  options,
) => {
  const code = await execLocalJob(host, {
    job,
    image: options.image,
    variables: Object.fromEntries((options.variable ?? []).map(parseVariable)),
    artifacts:
      options.artifacts === undefined
        ? undefined
        : { directory: options.artifacts, maxBytes: readSize(options.artifactsSize ?? "1G") },
  });
  return { kind: "code", code };
};

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
