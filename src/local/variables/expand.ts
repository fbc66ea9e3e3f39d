/**
 * `$NAME` in texts of a pipeline. A stranger wrote them. Pure.
 *
 * Two programs expand variables, one after the other (docs.gitlab.com, "Where variables can be used"):
 * GitLab, by what it knows, also within each other; then its runner the rest, once. So `$$` is two
 * dollar signs to the one, and what is left of it is one dollar sign.
 */
import { RunnerError } from "../../text/errors.ts";
import { escapeUntrusted } from "../../text/escape.ts";

export type Variables = Readonly<Record<string, string>>;

/** Ten variables that name each other ten times are 10 GB: more than this is nobody's wish. */
const LENGTH_MAX = 4 * 1024 * 1024;

/** lib/expand_variables.rb of GitLab, release 18. */
const GITLAB = /\$\$|%%|\$([A-Za-z_]\w*)|\$\{([A-Za-z_]\w*)\}|%([A-Za-z_]\w*)%/g;

/** `os.Expand` of Go: signs and digits that mean something to a shell are names too. */
const RUNNER = /\$(?:\{([^}]*)\}|(\{)|([*#$@!?\-\d])|([A-Za-z_]\w*))/g;

/** Values as a job has them. What names each other in a circle is expanded once. */
export function expandVariables(variables: Variables): Variables {
  const known = expandNested(variables);
  return together(Object.keys(variables), (name) => expandText(known[name] ?? "", known));
}

/** As GitLab Runner does with other text too, such as the name of an image: by expanded variables. */
export const expandText = (text: string, variables: Variables): string =>
  bounded(text, RUNNER, (_found, braced, open, sign, plain) => {
    if (open !== undefined) return "";
    const name = braced ?? sign ?? plain ?? "";
    if (name === "$") return "$";
    return Object.hasOwn(variables, name) ? (variables[name] ?? "") : "";
  });

/** As GitLab does alone, by expanded variables: what names none stays as it is. */
export const expandKnown = (text: string, variables: Variables): string =>
  bounded(text, GITLAB, (found, plain, braced, percent) => {
    const name = plain ?? braced ?? percent ?? "";
    return Object.hasOwn(variables, name) ? (variables[name] ?? "") : found;
  });

/** The first two or more variables that name each other in a circle, for which GitLab makes no job. */
export function refuseCircles(job: string, variables: Variables): void {
  const { circle } = orderOf(variables);
  if (circle === undefined) return;
  const names = circle.map((name) => escapeUntrusted(name, 60)).join(", ");
  throw new RunnerError({
    kind: "usage",
    message: `The variables of the job "${escapeUntrusted(job, 80)}" name each other in a circle: ${names}.`,
    hints: ["GitLab refuses such a pipeline, too."],
  });
}

/** Each by those that are done before it; a variable that names itself is not among them. */
function expandNested(variables: Variables): Variables {
  const { order, circle } = orderOf(variables);
  if (circle !== undefined) return variables;
  return together(order, (name, done) => expandKnown(variables[name] ?? "", done));
}

/** Variables after those that they name, or some that name each other in a circle. */
function orderOf(variables: Variables): {
  readonly order: readonly string[];
  readonly circle: readonly string[] | undefined;
} {
  const order: string[] = [];
  const seen = new Set<string>();
  const done = new Set<string>();
  const path: { readonly name: string; readonly rest: string[] }[] = [];
  const enter = (name: string): void => {
    seen.add(name);
    path.push({ name, rest: [...namesIn(variables[name] ?? "", variables)] });
  };
  for (const first of Object.keys(variables)) {
    if (!seen.has(first)) enter(first);
    // With a stack of its own: a chain of names may be longer than ours is deep.
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const next = top.rest.pop();
      if (next === undefined) {
        done.add(top.name);
        order.push(top.name);
        path.pop();
      } else if (next !== top.name && !done.has(next)) {
        const at = seen.has(next) ? path.findIndex(({ name }) => name === next) : -1;
        if (at >= 0) return { order, circle: path.slice(at).map(({ name }) => name) };
        enter(next);
      }
    }
  }
  return { order, circle: undefined };
}

const namesIn = (text: string, variables: Variables): readonly string[] =>
  [...text.matchAll(GITLAB)]
    .map(([, plain, braced, percent]) => plain ?? braced ?? percent ?? "")
    .filter((name) => Object.hasOwn(variables, name));

function together(
  names: readonly string[],
  expand: (name: string, done: Variables) => string,
): Variables {
  const done: Record<string, string> = {};
  let length = 0;
  for (const name of names) {
    const value = expand(name, done);
    length += value.length;
    if (length > LENGTH_MAX) throw tooLong();
    done[name] = value;
  }
  return done;
}

function bounded(
  text: string,
  pattern: RegExp,
  replace: (found: string, ...groups: readonly (string | undefined)[]) => string,
): string {
  let length = text.length;
  return text.replace(pattern, (found, ...groups) => {
    const value = replace(
      found,
      ...groups.map((each) => (typeof each === "string" ? each : undefined)),
    );
    length += value.length;
    if (length > LENGTH_MAX) throw tooLong();
    return value;
  });
}

const tooLong = (): RunnerError =>
  new RunnerError({
    kind: "usage",
    message: "The variables of the pipeline name each other until they are longer than 4 MB.",
  });
