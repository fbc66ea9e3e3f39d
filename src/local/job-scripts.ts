/** The scripts of a local job, in the form that GitLab Runner would hand to `run`. Pure. */
import { quoteArgument } from "../text/format-command.ts";
import type { History } from "./repository.ts";

type Variables = Readonly<Record<string, string>>;
export type Shell = "bash" | "sh";

const GREEN = "\\033[32;1m";
const PLAIN = "\\033[0;m";

function head(shell: Shell, variables: Variables): string[] {
  return [
    `#!/usr/bin/env ${shell}`,
    "trap 'exit 1' TERM",
    shell === "bash" ? "set -eo pipefail" : "set -e",
    ...Object.entries(variables).map(([name, value]) => `export ${name}=${quoteArgument(value)}`),
  ];
}

const text = (lines: readonly string[]): string => `${lines.join("\n")}\n`;

export function prepareScript(shell: Shell): string {
  return text([
    ...head(shell, {}),
    'echo "Running on $(hostname 2>/dev/null || cat /proc/sys/kernel/hostname)..."',
  ]);
}

/**
 * Makes the committed state. Its history comes as a pack in the script itself: nothing of the host has
 * to be bound into the machine, and the way is the one that every script takes.
 */
export function sourcesScript(
  shell: Shell,
  sources: { readonly directory: string; readonly history: History; readonly sha: string },
): string {
  const { history } = sources;
  const directory = quoteArgument(sources.directory);
  const format = history.objectFormat === "sha1" ? "" : ` --object-format=${history.objectFormat}`;
  return text([
    ...head(shell, {}),
    `mkdir -p ${directory}`,
    `cd ${directory}`,
    "base64 -d > ../sources.pack <<'END_OF_PACK'",
    history.pack.trimEnd(),
    "END_OF_PACK",
    `git init --quiet${format}`,
    "git index-pack --stdin < ../sources.pack > /dev/null",
    "rm ../sources.pack",
    ...history.shallow.map((sha) => `echo ${quoteArgument(sha)} >> .git/shallow`),
    `git -c advice.detachedHead=false checkout --quiet ${quoteArgument(sources.sha)}`,
    `echo "Checked out ${sources.sha.slice(0, 8)}."`,
  ]);
}

/** The user's lines, each shown before it runs. */
export function userScript(
  shell: Shell,
  job: {
    readonly directory: string;
    readonly variables: Variables;
    readonly lines: readonly string[];
  },
): string {
  return text([
    ...head(shell, job.variables),
    `cd ${quoteArgument(job.directory)}`,
    // As with GitLab Runner, commands read nothing: not even the rest of the script.
    "{",
    ...job.lines.flatMap((line) => [
      `printf '${GREEN}%s${PLAIN}\\n' ${quoteArgument(`$ ${line}`)}`,
      line,
    ]),
    "} < /dev/null",
  ]);
}

/** Says of each pattern what it finds, as GitLab Runner's uploader does. */
export function listArtifactsScript(shell: Shell, job: ArtifactsJob): string {
  return text([
    ...head(shell, {}),
    `cd ${quoteArgument(job.directory)}`,
    ...job.paths.flatMap((path) => [
      ...findScript([path]),
      `if [ $# -gt 0 ]; then printf '%s: found %s matching artifact files and directories\\n' ${quoteArgument(path)} $#`,
      `else printf 'WARNING: %s: no matching files.\\n' ${quoteArgument(path)}; fi`,
    ]),
  ]);
}

/** Prints the artifacts as a tar archive, and nothing else. */
export function artifactsScript(shell: Shell, job: ArtifactsJob): string {
  return text([
    ...head(shell, {}),
    `cd ${quoteArgument(job.directory)}`,
    ...findScript(job.paths),
    // An archive of nothing, which tar would not make, is two blocks of zeros.
    'if [ $# -eq 0 ]; then head -c 1024 /dev/zero; else tar -cf - -- "$@" 2>/dev/null; fi',
  ]);
}

interface ArtifactsJob {
  readonly directory: string;
  readonly paths: readonly string[];
}

/** Makes what is found the positional parameters. Patterns are expanded by the shell. */
function findScript(paths: readonly string[]): string[] {
  // Everything but letters, digits and what patterns need is taken literally.
  const patterns = paths.map((path) => path.replace(/[^A-Za-z0-9_./*?[\]{},-]/g, "\\$&"));
  return [
    "set --",
    `for found in ${patterns.join(" ")}; do`,
    '  if [ -e "$found" ] || [ -L "$found" ]; then set -- "$@" "$found"; fi',
    "done",
  ];
}
