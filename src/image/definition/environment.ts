/** The environment of scripts, as a definition gives it: what cannot work is refused here. */
import * as v from "valibot";

/**
 * Variables that a shell keeps for itself: an assignment ends it before the script begins (UID and its
 * kin in bash as `sh`, OPTIND in dash; tried with dash 0.5.12, bash 5.2 and busybox 1.37).
 */
const OF_THE_SHELL: readonly string[] = [
  "UID",
  "EUID",
  "PPID",
  "SHELLOPTS",
  "BASHOPTS",
  "BASH_VERSINFO",
  "OPTIND",
];

const variableName = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "must be the name of an environment variable"),
  v.check(
    (name) => !OF_THE_SHELL.includes(name),
    "cannot be set: shells keep this variable for themselves",
  ),
);

const PATH_FORM =
  'must be absolute directories with ":" between them, all of them: nothing is put in for "$PATH" or "~"';

/** Relative ones mean another directory for each command; a "$" is meant for a shell that nobody asks. */
const isSearchPath = (path: string): boolean => /^\/[^:$\n]*(?::\/[^:$\n]*)*$/.test(path);

export const environmentSchema = v.pipe(
  v.record(variableName, v.pipe(v.string(), v.regex(/^[^\0]*$/, "must not hold a NUL character"))),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    const { PATH: value } = dataset.value;
    if (value === undefined || isSearchPath(value)) return;
    const place = { type: "object", origin: "value" } as const;
    const item = { ...place, input: dataset.value, key: "PATH", value };
    addIssue({ message: PATH_FORM, input: value, path: [item] });
  }),
);
