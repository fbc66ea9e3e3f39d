/** `$NAME` in texts of a pipeline, as GitLab expands it. A stranger wrote them. Pure. */
import { RunnerError } from "../../text/errors.ts";

export type Variables = Readonly<Record<string, string>>;

/** Ten variables that name each other ten times are 10 GB: more than this is nobody's wish. */
const LENGTH_MAX = 4 * 1024 * 1024;

const REFERENCE = /\$\$|\$\{(\w+)\}|\$(\w+)/g;

/** Expands `$NAME` and `${NAME}` by the other variables; `$$` is a dollar sign. Loops end empty. */
export function expandVariables(variables: Variables): Variables {
  const expand = openExpansion(variables);
  return Object.fromEntries(
    Object.entries(variables).map(([name, value]) => [name, expand(value, name)]),
  );
}

/** As `expandVariables`, for other text, such as the name of an image. */
export const expandText = (text: string, variables: Variables): string =>
  openExpansion(variables)(text);

/** As `expandText`, but what names no variable stays as it is: in paths of rules. */
export const expandKnown = (text: string, variables: Variables): string =>
  text.replace(REFERENCE, (found, braced?: string, plain?: string) =>
    variables[braced ?? plain ?? ""] === undefined ? found : expandText(found, variables),
  );

/** Each variable is expanded once, however often it is named. */
function openExpansion(variables: Variables): (text: string, within?: string) => string {
  const done = new Map<string, string>();
  const open = new Set<string>();
  const look = (name: string): string => {
    const known = done.get(name);
    if (known !== undefined) return known;
    if (open.has(name) || !Object.hasOwn(variables, name)) return "";
    open.add(name);
    const value = expand(variables[name] ?? "");
    open.delete(name);
    done.set(name, value);
    return value;
  };
  const expand = (text: string): string => {
    let length = text.length;
    return text.replace(REFERENCE, (found, braced?: string, plain?: string) => {
      const value = found === "$$" ? "$" : look(braced ?? plain ?? "");
      length += value.length;
      if (length > LENGTH_MAX) throw tooLong();
      return value;
    });
  };
  return (text, within) => {
    if (within !== undefined) open.add(within);
    const value = expand(text);
    open.clear();
    return value;
  };
}

const tooLong = (): RunnerError =>
  new RunnerError({
    kind: "usage",
    message: "The variables of the pipeline name each other until they are longer than 4 MB.",
  });
