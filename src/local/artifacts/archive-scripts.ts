/** Scripts that list what a job leaves, send it, and put it where another job has it. Pure. */
import { quoteArgument } from "../../text/format-command.ts";
import type { Script, Shell } from "../job-scripts.ts";
import { parsePathPattern, type Selection } from "./selection.ts";

interface ArchivePlace {
  readonly shell: Shell;
  readonly directory: string;
}

const YELLOW = "\\033[0;33m";
const PLAIN = "\\033[0;m";

const begin = ({ shell, directory }: ArchivePlace): string[] => [
  `#!/usr/bin/env ${shell}`,
  "set -e",
  // Names are bytes, whatever the image's locale.
  "export LC_ALL=C",
  `cd ${quoteArgument(directory)}`,
  `list=${quoteArgument(`${directory}.tmp/archive.list`)}`,
];

/**
 * Writes down the names of all that is selected, and says of each pattern what it finds, in the order and
 * the words of GitLab Runner's uploader (commands/helpers/file_archiver.go): what a pattern finds is
 * walked through, and counted each time it is found.
 */
export function listScript(place: ArchivePlace, { paths, exclude, untracked }: Selection): Script {
  const rules = exclude.flatMap((rule) => {
    const pattern = parsePathPattern(rule, place.directory);
    return pattern === undefined ? [] : [{ rule, ...pattern }];
  });
  const lines = [
    ...begin(place),
    'mkdir -p "$(dirname "$list")"',
    ': > "$list"',
    "count() { tr -cd '\\000' | wc -c; }",
    "take() {",
    ...rules.flatMap(({ expression }, index) => [
      `  set_aside=$(grep -zE ${quoteArgument(expression)} "$list.found" | count)`,
      `  excluded${index}=$((\${excluded${index}:-0} + set_aside))`,
      `  { grep -zvE ${quoteArgument(expression)} "$list.found" || true; } > "$list.kept"`,
      '  mv "$list.kept" "$list.found"',
    ]),
    '  found=$(($(count < "$list.found")))',
    '  cat "$list.found" >> "$list"',
    "}",
    ...paths.flatMap((path) => findLines(path, place)),
    ...(untracked ? UNTRACKED : []),
    ...rules.map(
      ({ rule }, index) =>
        `[ "\${excluded${index}:-0}" = 0 ] || printf '%s: excluded %s files\\n' ${quoteArgument(rule)} "$excluded${index}"`,
    ),
    'sort -zu "$list" > "$list.found"',
    'mv "$list.found" "$list"',
  ];
  return [`${lines.join("\n")}\n`];
}

function findLines(path: string, { directory }: ArchivePlace): readonly string[] {
  if (path === "") return [warn("No matching files. Path is empty.")];
  const pattern = parsePathPattern(path, directory);
  if (pattern === undefined) {
    return [warn(`processPath: artifact path is not a subpath of project directory: ${path}`)];
  }
  const { start, isFixed, expression } = pattern;
  const itself = isFixed ? "-prune " : "";
  const none = `${path}: no matching files. Ensure that the artifact path is relative to the working directory (${directory})`;
  return [
    `{ find ${quoteArgument(start)} ${itself}-print0 2>/dev/null || true; } | { grep -zE ${quoteArgument(expression)} || true; } |`,
    `  { xargs -0 -r sh -c 'exec find "$@" -print0' sh || true; } > "$list.found"`,
    "take",
    `if [ "$found" -gt 0 ]; then printf '%s: found %s matching artifact files and directories\\n' ${quoteArgument(path)} "$found"`,
    `else ${warn(none)}; fi`,
  ];
}

const warn = (words: string): string =>
  `printf '${YELLOW}WARNING: %s${PLAIN}\\n' ${quoteArgument(words)}`;

const UNTRACKED = [
  "git ls-files --others -z | xargs -0 -r printf './%s\\0' > \"$list.found\"",
  "take",
  `if [ "$found" -gt 0 ]; then echo "untracked: found $found files"; else ${warn("untracked: no files")}; fi`,
];

/** Prints what was listed as a tar archive, and nothing else. */
export function sendScript(place: ArchivePlace): Script {
  const lines = [
    ...begin(place),
    // An archive of nothing, which tar would not make, is two blocks of zeros.
    'if [ ! -s "$list" ]; then head -c 1024 /dev/zero; exit 0; fi',
    // Names with a line's end in them are none to busybox.
    'case $(readlink -f "$(command -v tar)") in',
    '*busybox*) tr \'\\000\' \'\\n\' < "$list" > "$list.lines"; tar -cf - --no-recursion -T "$list.lines" ;;',
    '*) tar -cf - --no-recursion --null -T "$list" 2>/dev/null ;;',
    "esac",
  ];
  return [`${lines.join("\n")}\n`];
}

/** Puts archives of this host into the project's directory, each with the words that say so. */
export function restoreScript(
  place: ArchivePlace,
  archives: readonly { readonly title: string; readonly file: string | undefined }[],
): Script {
  return [
    `${begin(place).join("\n")}\n`,
    ...archives.flatMap(({ title, file }) => [
      `echo ${quoteArgument(title)}\n`,
      ...(file === undefined
        ? []
        : ["base64 -d <<'END_OF_FILE' | tar -xf -\n", { file }, "END_OF_FILE\n"]),
    ]),
  ];
}
