/** What a pattern of a rule can be: one that matches nothing, whatever comes, is a slip. Pure. */
import * as v from "valibot";
import { line, ONCE, once } from "./values.ts";

/** Half a sentence on what is wrong with it. */
type Fault = (pattern: string) => string | undefined;

/** GitLab's `Gitlab::PathRegex`: a namespace and a project at least, none ends like a repository's file. */
export const projectFault: Fault = (pattern) => {
  if (/^[a-z+]+:\/\/|^git@/i.test(pattern))
    return 'is a URL: give the path alone, such as "group/app"';
  if (/^\/|\/$|\/\//.test(pattern)) return "begins and ends with no slash, and has no two together";
  if (!/^[A-Za-z0-9_.*?/-]+$/.test(pattern))
    return "holds a character that no path of a project has";
  if (/\.(?:git|atom)$/i.test(pattern)) return "ends as no project's path does";
  if (pattern.includes("/") || pattern.includes("**")) return undefined;
  return `is no full path: every project is in a group or a user's space, such as "group/${pattern}"`;
};

/** git-check-ref-format(1). Those of merge requests begin with "refs/". */
export const refFault =
  (kind: "heads" | "tags"): Fault =>
  (pattern) => {
    if (/^refs\/(?:heads|tags|remotes)\//.test(pattern)) {
      return `is a name without "refs/${kind}/"`;
    }
    if (/^\/|\/$|\/\/|\.\.|@\{|\.$|\.lock$/.test(pattern)) return "is no name that git takes";
    const [bad] = /[\s~^:\\[]/.exec(pattern) ?? [];
    if (bad === undefined) return undefined;
    return `holds ${JSON.stringify(bad)}, which no name has; in patterns only "*", "**" and "?" stand for others`;
  };

/** As `text/names.ts`, and what stands for others. */
export const imageFault: Fault = (pattern) => {
  if (pattern.includes("/")) return 'holds a "/", which no name of an image does';
  if (!/^[A-Za-z0-9*?][A-Za-z0-9._+:@*?-]*$/.test(pattern)) return "is no name of an image";
  return pattern.endsWith(".v") ? 'ends in ".v", which no name of an image does' : undefined;
};

export const pattern = (faultOf: Fault) =>
  v.pipe(
    line,
    v.rawCheck(({ dataset, addIssue }) => {
      const fault = dataset.typed ? faultOf(dataset.value) : undefined;
      if (fault !== undefined) addIssue({ message: fault });
    }),
  );

export const patterns = (faultOf: Fault) =>
  v.pipe(
    v.array(pattern(faultOf)),
    v.minLength(1, "must hold at least one: a rule for nothing is of no use"),
    v.check(once, ONCE),
    v.title("list of patterns"),
  );
