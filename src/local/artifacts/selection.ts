/**
 * Which files of a job are its artifacts, or its cache: patterns as GitLab Runner has them
 * (docs.gitlab.com, "artifacts:paths", and the doublestar package of its source). Pure.
 */

export interface Selection {
  readonly paths: readonly string[];
  readonly exclude: readonly string[];
  /** Files that git does not track, ignored ones too. */
  readonly untracked: boolean;
}

export interface PathPattern {
  /** The deepest directory that all it finds is in; of a path without a pattern, what it names. */
  readonly start: string;
  readonly isFixed: boolean;
  /** An extended regular expression of paths that begin with "./". */
  readonly expression: string;
}

/** Of a path relative to the project, or below its directory; nothing for any other. */
export function parsePathPattern(written: string, directory: string): PathPattern | undefined {
  const inside = written.startsWith("/")
    ? written === directory || written.startsWith(`${directory}/`)
      ? written.slice(directory.length + 1)
      : undefined
    : written;
  const names = inside?.split("/").filter((name) => name !== "" && name !== ".");
  if (names === undefined || names.includes("..")) return undefined;
  const fixed = names.findIndex((name) => /[*?[{\\]/.test(name));
  const start = names.slice(0, fixed < 0 ? names.length : fixed);
  const below = names.length === 0 ? "" : toExpression(`/${names.join("/")}`);
  return {
    start: [".", ...start].join("/"),
    isFixed: fixed < 0,
    expression: `^\\.${below}$`,
  };
}

/**
 * Stars stay within a name; two of them, as a whole name, are any number of names, or none. A name ends,
 * and begins, at a slash or with one of several alternatives.
 */
function toExpression(pattern: string): string {
  let out = "";
  let braces = 0;
  for (let at = 0; at < pattern.length; at += 1) {
    const rest = pattern.slice(at);
    const character = pattern.charAt(at);
    const set = /^\[([!^]?)([^\]/]+)\]/.exec(rest);
    const isEnd = (length: number): boolean =>
      rest.length === length || (braces > 0 ? "/,}" : "/").includes(rest.charAt(length));
    if (rest.startsWith("/**") && isEnd(3)) {
      out += "(/.*)?";
      at += 2;
    } else if (rest.startsWith("**/") && braces > 0 && "{,".includes(pattern.charAt(at - 1))) {
      out += "(.*/)?";
      at += 2;
    } else if (character === "*") out += "[^/]*";
    else if (character === "?") out += "[^/]";
    else if (set !== null) {
      out += `[${set[1] === "" ? "" : "^"}${set[2]}]`;
      at += set[0].length - 1;
    } else if (character === "{" && rest.includes("}")) {
      out += "(";
      braces += 1;
    } else if (character === "}" && braces > 0) {
      out += ")";
      braces -= 1;
    } else if (character === "," && braces > 0) out += "|";
    else if (character === "\\" && at + 1 < pattern.length) {
      at += 1;
      out += literal(pattern.charAt(at));
    } else out += literal(character);
  }
  // A brace that is never closed is a letter, and none of a regular expression.
  return out + ")".repeat(braces);
}

const literal = (character: string): string => character.replace(/[.*+?^${}()|[\]\\]/, "\\$&");
