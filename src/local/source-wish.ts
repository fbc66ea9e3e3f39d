/** What a job's variables say of its sources: docs.gitlab.com, "Configuring runners". Pure. */
import { RunnerError } from "../text/errors.ts";
import { escapeUntrusted } from "../text/escape.ts";
import type { SourceMode } from "./job-scripts.ts";
import type { SourceWish } from "./repository/sources.ts";
import type { Variables } from "./variables/expand.ts";

/** What GitLab sets for new projects ("Git shallow clone"). */
const DEPTH = 20;

/** Throws a job's error for a value that GitLab Runner does not know. */
export function readSourceWish(variables: Variables): SourceWish & SourceMode {
  const { GIT_DEPTH: depth = "", GIT_CHECKOUT: checkout = "true" } = variables;
  const strategy = oneOf(variables, "GIT_STRATEGY", ["fetch", "clone", "none", "empty"]);
  return {
    depth: /^\d{1,9}$/.test(depth) ? Number(depth) : DEPTH,
    submodules: oneOf(variables, "GIT_SUBMODULE_STRATEGY", ["none", "normal", "recursive"]),
    strategy:
      strategy === "none" || strategy === "empty"
        ? strategy
        : isTrue(checkout)
          ? "checkout"
          : "fetch only",
    lfs: !isTrue(variables.GIT_LFS_SKIP_SMUDGE ?? "false"),
  };
}

/** Variables about sources that change nothing here, each for a sentence. */
export const ignoredOf = (variables: Variables): readonly string[] =>
  [
    "GIT_CLONE_EXTRA_FLAGS",
    "GIT_FETCH_EXTRA_FLAGS",
    "GIT_SUBMODULE_UPDATE_FLAGS",
    "GIT_SUBMODULE_PATHS",
    "GIT_CLONE_PATH",
  ].filter((name) => (variables[name] ?? "") !== "");

/** As Go's `strconv.ParseBool`. */
const isTrue = (text: string): boolean => /^(1|t|true)$/i.test(text.trim());

function oneOf<Value extends string>(
  variables: Variables,
  name: string,
  values: readonly [Value, ...Value[]],
): Value {
  const value = variables[name] ?? "";
  if (value === "") return values[0];
  const known = values.find((each) => each === value);
  if (known !== undefined) return known;
  throw new RunnerError({
    kind: "job",
    message: `"${escapeUntrusted(value, 60)}" is no ${name}: GitLab Runner knows ${values.join(", ")}.`,
  });
}
