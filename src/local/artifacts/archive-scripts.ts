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
 * Writes down the names of all that is selected, and says of each pattern what it finds, in the words of
 * GitLab Runner's uploader. `what` is "artifact" or "cache".
 */
export function listScript(place: ArchivePlace, what: string, selection: Selection): Script {
  const warn = (words: string): string =>
    `printf '${YELLOW}WARNING: %s${PLAIN}\\n' ${quoteArgument(words)}`;
  const find = selection.paths.flatMap((path) => {
    const pattern = parsePathPattern(path, place.directory, { recursive: true });
    if (pattern === undefined) return [warn(`${path}: it is not below the project's directory.`)];
    const expression = quoteArgument(pattern.expression);
    return [
      `{ find ${quoteArgument(pattern.start)} -print0 2>/dev/null || true; } | { grep -zE ${expression} || true; } > "$list.found"`,
      ...count(
        `${path}: found`,
        `matching ${what} files and directories`,
        warn(
          `${path}: no matching files. Ensure that the ${what} path is relative to the working directory (${place.directory})`,
        ),
      ),
    ];
  });
  const untracked = [
    "git ls-files --others -z | xargs -0 -r printf './%s\\0' > \"$list.found\"",
    ...count("untracked: found", "files", warn("untracked: no files")),
  ];
  const excludes = selection.exclude.flatMap((path) => {
    const pattern = parsePathPattern(path, place.directory, { recursive: false });
    if (pattern === undefined) return [];
    return [
      `{ grep -zvE ${quoteArgument(pattern.expression)} "$list" || true; } > "$list.found"`,
      'mv "$list.found" "$list"',
    ];
  });
  const lines = [
    ...begin(place),
    'mkdir -p "$(dirname "$list")"',
    ': > "$list"',
    ...find,
    ...(selection.untracked ? untracked : []),
    'sort -zu "$list" > "$list.found"',
    'mv "$list.found" "$list"',
    ...excludes,
  ];
  return [`${lines.join("\n")}\n`];
}

const count = (before: string, after: string, none: string): string[] => [
  `count=$(tr -cd '\\000' < "$list.found" | wc -c)`,
  `if [ "$count" -gt 0 ]; then printf '%s %s %s\\n' ${quoteArgument(before)} "$((count))" ${quoteArgument(after)}; cat "$list.found" >> "$list"`,
  `else ${none}; fi`,
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
