/** Issues of valibot as sentences for the person who wrote the file. */
import type * as v from "valibot";
import { escapeUntrusted } from "../../text/escape.ts";
import { nearestName } from "../../text/nearest.ts";

type Path = readonly (string | number)[];

export interface IssueText {
  /** Where in the data, from the variable on. */
  readonly path: Path;
  /** Whether the key itself is what is wrong. */
  readonly at: "key" | "value";
  readonly message: string;
}

/**
 * One issue is one sentence, but for alternatives (`v.union`): there it is those of the
 * alternatives that were meant, which are the ones that do not find fault with the kind of value.
 */
export function describeIssue(
  issue: v.BaseIssue<unknown>,
  schema: unknown,
  before: Path = [],
): IssueText[] {
  const path = [...before, ...(issue.path ?? []).map(({ key }) => asKey(key))];
  const inner = (issue.issues ?? []).filter(
    (one) => one.path !== undefined || one.kind !== "schema",
  );
  if (inner.length > 0) return inner.flatMap((one) => describeIssue(one, schema, path));
  const at = issue.path?.at(-1)?.origin === "key" ? "key" : "value";
  return [{ path, at, message: describeLeaf(issue, path, schema) }];
}

function describeLeaf(issue: v.BaseIssue<unknown>, path: Path, schema: unknown): string {
  // What valibot says by itself begins so; anything else is a schema's own sentence.
  const own = issue.message.startsWith("Invalid ") ? undefined : issue.message;
  const missing = issue.received === "undefined";
  if (own === undefined && issue.expected === "never") return describeUnknownKey(path, schema);
  if (own === undefined && missing) {
    return `${formatPath(path.slice(0, -1))} needs "${String(path.at(-1))}"`;
  }
  const found = `, but is ${describeValue(issue.input)}`;
  if (own === undefined) {
    return `${formatPath(path)} ${describeExpected(issue)}${found}${quoteHint(issue)}`;
  }
  const complete = missing || !own.startsWith("must ") || own.endsWith(")");
  return `${formatPath(path)} ${escapeUntrusted(own, 500)}${complete ? "" : found}`;
}

const asKey = (key: unknown): string | number => (typeof key === "number" ? key : String(key));

/** `"nspawn_runner_limits.memory"`, `"nspawn_runner_packages[0]"`. */
function formatPath(path: Path): string {
  const text = path
    .map((key, index) => (typeof key === "number" ? `[${key}]` : `${index === 0 ? "" : "."}${key}`))
    .join("");
  return `"${escapeUntrusted(text, 120)}"`;
}

function describeUnknownKey(path: Path, schema: unknown): string {
  const key = String(path.at(-1));
  const parent = path.slice(0, -1);
  const known = keysAt(schema, parent);
  const near = nearestName(key, known);
  const hint = near === undefined ? `known are ${known.join(", ")}` : `did you mean "${near}"?`;
  return `${formatPath(parent)} has no "${escapeUntrusted(key, 60)}"; ${hint}`;
}

const WORDS: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  boolean: "yes or no",
  Array: "a list",
  Object: "a map",
  null: "empty",
};

/** What valibot expects, in words. */
function describeExpected(issue: v.BaseIssue<unknown>): string {
  const expected = issue.expected ?? "";
  switch (issue.type) {
    case "integer":
    case "safe_integer":
      return "must be a whole number";
    case "min_value":
      return `must be at least ${expected.replace(/^>=?/, "")}`;
    case "max_value":
      return `must be at most ${expected.replace(/^<=?/, "")}`;
    case "non_empty":
    case "min_length":
      return "must not be empty";
    default:
  }
  if (issue.kind !== "schema") return `is refused: ${issue.message}`;
  const kinds = [...new Set(expected.replace(/^\(|\)$/g, "").split(" | "))];
  const literals = kinds.every((kind) => kind.startsWith('"'));
  const words = kinds.map((kind) => WORDS[kind] ?? kind.replaceAll('"', ""));
  return literals && words.length > 1
    ? `must be one of ${words.join(", ")}`
    : `must be ${words.join(" or ")}`;
}

/** What is there, short and safe to show. */
function describeValue(value: unknown): string {
  if (value === null || value === undefined) return "empty";
  if (Array.isArray(value)) return "a list";
  if (value instanceof Date) return "a date";
  if (value instanceof Uint8Array) return "binary data";
  switch (typeof value) {
    case "string":
      return `the text "${escapeUntrusted(value, 40)}"`;
    case "boolean":
      return value ? "yes (true)" : "no (false)";
    case "number":
    case "bigint":
      return `the number ${value}`;
    default:
      return "a map";
  }
}

/** Text that YAML reads as something else (`1.10`, `on`, `22:22`), and the other way around. */
function quoteHint({ expected, input }: v.BaseIssue<unknown>): string {
  const other = ["number", "boolean", "bigint"].includes(typeof input) || input instanceof Date;
  if (expected === "string" && other) return ": put it in quotes";
  const quoted = typeof input === "string" && /^(yes|no|on|off|true|false)$/i.test(input);
  return expected === "boolean" && quoted ? ": take the quotes away" : "";
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;

/** The keys that the schema knows of the map at `path`. */
function keysAt(schema: unknown, path: Path): string[] {
  const [key, ...rest] = path;
  if (!isObject(schema)) return [];
  if ("wrapped" in schema) return keysAt(schema.wrapped, path);
  if ("getter" in schema && typeof schema.getter === "function" && key !== undefined) {
    return keysAt(schema.getter({ [key]: {} }), path);
  }
  if ("options" in schema && Array.isArray(schema.options)) {
    return schema.options.flatMap((option) => keysAt(option, path));
  }
  if ("item" in schema && typeof key === "number") return keysAt(schema.item, rest);
  if (!("entries" in schema) || !isObject(schema.entries)) return [];
  if (key === undefined) return Object.keys(schema.entries);
  return keysAt(Reflect.get(schema.entries, key), rest);
}
