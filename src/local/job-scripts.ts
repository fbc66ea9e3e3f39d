/** The scripts of a local job, in the form that GitLab Runner would hand to `run`. Pure. */
import { quoteArgument } from "../text/format-command.ts";
import type { Sources } from "./repository/sources.ts";
import type { Variables } from "./variables/expand.ts";

export type Shell = "bash" | "sh";

/** Text, with files of the host in it: each as base64, between the lines of a here-document. */
export type Script = readonly (string | { readonly file: string })[];

/** What a script knows of its job. */
export interface Place {
  readonly shell: Shell;
  /** `CI_PROJECT_DIR`. */
  readonly directory: string;
  readonly variables: Variables;
  /** Variables of type file: the job finds a path, and the value there. */
  readonly files: Variables;
}

const GREEN = "\\033[32;1m";
const YELLOW = "\\033[0;33m";
const PLAIN = "\\033[0;m";

/** Beside the project's directory, where GitLab Runner has files of its own too. */
const temporaryOf = (directory: string): string => `${directory}.tmp`;

function head(shell: Shell): string[] {
  return [
    `#!/usr/bin/env ${shell}`,
    "trap 'exit 1' TERM",
    shell === "bash" ? "set -eo pipefail" : "set -e",
  ];
}

function exports({ directory, variables, files }: Place): string[] {
  const temporary = quoteArgument(temporaryOf(directory));
  return [
    ...Object.entries(variables).map(([name, value]) => `export ${name}=${quoteArgument(value)}`),
    ...(Object.keys(files).length === 0 ? [] : [`mkdir -p ${temporary}`]),
    ...Object.entries(files).flatMap(([name, value]) => [
      `printf %s ${quoteArgument(value)} > ${temporary}/${name}`,
      `export ${name}=${temporary}/${name}`,
    ]),
  ];
}

const text = (lines: readonly string[]): string => `${lines.join("\n")}\n`;

/** Lines that make `path` from a file of the host. */
const unpackFile = (file: string, path: string): Script => [
  text([`base64 -d > ${path} <<'END_OF_FILE'`]),
  { file },
  text(["END_OF_FILE"]),
];

export function prepareScript(shell: Shell): Script {
  return [
    text([
      ...head(shell),
      'echo "Running on $(hostname 2>/dev/null || cat /proc/sys/kernel/hostname)..."',
    ]),
  ];
}

/** docs.gitlab.com, "Configuring runners", "Git strategy". */
export interface SourceMode {
  readonly strategy: "checkout" | "fetch only" | "none" | "empty";
  readonly lfs: boolean;
}

/**
 * Makes the committed state. git directories come in the script itself: nothing of the host has to be
 * bound into the machine, and the way is the one that every script takes.
 */
export function sourcesScript(
  place: Place,
  sources: Sources | undefined,
  how: SourceMode & { readonly before: readonly string[] },
): Script {
  const directory = quoteArgument(place.directory);
  const begin = text([
    ...head(place.shell),
    ...(how.before.length === 0 ? [] : [...exports(place), ...shown(how.before)]),
    `mkdir -p ${directory} ${quoteArgument(temporaryOf(place.directory))}`,
    `cd ${directory}`,
  ]);
  if (sources === undefined) {
    const why = how.strategy === "empty" ? "an empty directory" : "no sources";
    return [begin, text([`echo "The job wants ${why} (GIT_STRATEGY)."`])];
  }
  const checkout = (sha: string): string[] => [
    // Content of Git LFS comes afterwards, where the image has git-lfs: without it, as pointers.
    `GIT_LFS_SKIP_SMUDGE=1 git -c advice.detachedHead=false checkout --quiet --force ${quoteArgument(sha)}`,
    ...(how.lfs ? LFS : []),
  ];
  const unpack = (file: string, path: string): Script => [
    ...unpackFile(file, `${quoteArgument(temporaryOf(place.directory))}/sources.tar`),
    text([
      `mkdir -p ${quoteArgument(path)}/.git`,
      `tar -xf ${quoteArgument(temporaryOf(place.directory))}/sources.tar -C ${quoteArgument(path)}/.git`,
      `rm ${quoteArgument(temporaryOf(place.directory))}/sources.tar`,
    ]),
  ];
  return [
    begin,
    ...unpack(sources.git.file, "."),
    text(
      how.strategy === "checkout"
        ? [...checkout(sources.sha), `echo "Checked out ${sources.sha.slice(0, 8)}."`]
        : ['echo "Nothing is checked out (GIT_CHECKOUT)."'],
    ),
    ...sources.submodules.flatMap(({ file, path, sha }) => [
      ...unpack(file, path),
      text([
        `cd ${quoteArgument(path)}`,
        ...checkout(sha),
        `cd ${directory}`,
        `echo ${quoteArgument(`Submodule ${path}: checked out ${sha.slice(0, 8)}.`)}`,
      ]),
    ]),
    ...(sources.submodules.length === 0 ? [] : [text(["git submodule --quiet init"])]),
  ];
}

/** What is not in the clone stays a pointer: there is no server to ask. */
const LFS = [
  "if git grep -q -I filter=lfs -- .gitattributes '*/.gitattributes'; then",
  "  if git lfs version > /dev/null 2>&1; then",
  "    git lfs install --local --skip-repo > /dev/null",
  "    git lfs checkout > /dev/null 2>&1 || true",
  "    pointers=$(git lfs ls-files | sed -n 's/^[0-9a-f]* - //p')",
  '    if [ -n "$pointers" ]; then',
  `      printf '${YELLOW}WARNING: %s${PLAIN}\\n' 'Objects of Git LFS are not in your clone, and these files are pointers; see "git lfs fetch":'`,
  `      printf '%s\\n' "$pointers" | sed 10q`,
  "    fi",
  "  else",
  `    printf '${YELLOW}WARNING: %s${PLAIN}\\n' 'The image has no git-lfs: files of Git LFS are pointers.'`,
  "  fi",
  "fi",
];

/** The user's lines, each shown before it runs. */
export function userScript(place: Place, lines: readonly string[]): Script {
  return [
    text([
      ...head(place.shell),
      ...exports(place),
      `cd ${quoteArgument(place.directory)}`,
      ...shown(lines),
    ]),
  ];
}

/** As with GitLab Runner, commands read nothing: not even the rest of the script. */
const shown = (lines: readonly string[]): string[] => [
  "{",
  ...lines.flatMap((line) => [
    `printf '${GREEN}%s${PLAIN}\\n' ${quoteArgument(`$ ${titleOf(line)}`)}`,
    line,
  ]),
  "} < /dev/null",
];

/** What stands around each line that a person types: directory and variables stay from line to line. */
export function shellFrame(place: Place): { readonly before: string; readonly after: string } {
  const state = quoteArgument(`${temporaryOf(place.directory)}/shell`);
  return {
    before: text([
      `#!/usr/bin/env ${place.shell}`,
      ...exports(place),
      `if [ -e ${state}.env ]; then . ${state}.env; fi`,
      `cd "$(cat ${state}.pwd 2>/dev/null || echo ${quoteArgument(place.directory)})"`,
      "{",
    ]),
    after: text([
      "} < /dev/null",
      "status=$?",
      `export -p > ${state}.env`,
      `pwd > ${state}.pwd`,
      "exit $status",
    ]),
  };
}

function titleOf(line: string): string {
  const [first = "", ...more] = line.trimEnd().split("\n");
  return more.length === 0 ? first : `${first} # collapsed multi-line command`;
}
