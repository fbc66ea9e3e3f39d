/** What the options of creators are made of: schemas whose messages follow the key they are about. */
import { resolve } from "node:path";
import * as v from "valibot";
import { nearestName } from "../../text/nearest.ts";

/** Options by name; an unknown one is told with the nearest, a missing one by its name. */
export function strictOptions<const Entries extends v.ObjectEntries>(
  creator: string,
  entries: Entries,
) {
  const known = Object.keys(entries);
  return v.strictObject(entries, (issue) => {
    const key = String(issue.path?.at(-1)?.key ?? "");
    if (issue.expected === "never") {
      const near = nearestName(key, known);
      const meant = near === undefined ? "" : `; did you mean "${near}"?`;
      return `is not an option of ${creator}${meant} (options: ${known.join(", ")})`;
    }
    if (issue.kind === "schema" && issue.received === "undefined") return "must be given";
    return `must hold options of ${creator}: ${known.join(", ")}`;
  });
}

type Form<Output> = v.GenericSchema<unknown, Output>;

/**
 * A union whose member is chosen by what is there (a text, a list, or options), so that errors are
 * about the form that was meant and keep their paths: those of a plain union do not. The last
 * member speaks for everything else. It stays a union for those who read it, such as the maker of
 * the JSON Schema.
 */
export function byForm<Output>(members: readonly [Form<Output>, ...Form<Output>[]]): Form<Output> {
  const chosen = (input: unknown): Form<Output> =>
    members.find(({ type }) =>
      typeof input === "string"
        ? type === "string"
        : Array.isArray(input)
          ? type === "array" || type.startsWith("tuple")
          : type === "strict_object",
    ) ??
    members.at(-1) ??
    members[0];
  return {
    ...v.union(members),
    "~run": (dataset, config) => chosen(dataset.value)["~run"](dataset, config),
  };
}

const quoted = (example: string) => `must be a text, such as "${example}" (in quotes)`;

/** A text of one line that no command takes for an option. */
export const line = (example: string, description: string) =>
  v.pipe(
    v.string(quoted(example)),
    v.regex(
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
      /^[^-\s\u0000-\u001f\u007f][^\u0000-\u001f\u007f]*$/,
      'must be one line that begins with neither a "-" nor a blank',
    ),
    v.description(description),
  );

/** A list of such texts; empty when absent. */
export const lines = (example: string, description: string) =>
  v.optional(
    v.pipe(
      v.array(line(example, description), `must be a list, such as ["${example}"]`),
      v.description(description),
    ),
    [],
  );

/** A text of which a pattern says all. */
export const word = (pattern: RegExp, example: string, description: string) =>
  v.pipe(
    v.string(quoted(example)),
    v.regex(pattern, `must look like "${example}"`),
    v.description(description),
  );

export const flag = (byDefault: boolean, description: string) =>
  v.optional(v.pipe(v.boolean("must be true or false"), v.description(description)), byDefault);

/** One of some words. */
export const choice = <const Words extends readonly [string, ...string[]]>(
  words: Words,
  byDefault: Words[number],
  description: string,
) =>
  v.optional(
    v.pipe(v.picklist(words, `must be one of ${words.join(", ")}`), v.description(description)),
    byDefault,
  );

/** A file of the host as an absolute path: relative ones begin at the definition's directory. */
export const hostPath = (directory: string, path: string): string => resolve(directory, path);

export const ADDRESS = /^[a-z][a-z0-9+.-]*:\/\//;

/** A file of the host, or an address as it is. */
export const addressOrPath = (directory: string, text: string): string =>
  ADDRESS.test(text) ? text : hostPath(directory, text);
