/**
 * Variables of a file that the caller names, as those that a project has in GitLab: lines of KEY=VALUE,
 * or YAML, where a value may be of type file, or raw.
 */
import * as v from "valibot";
import { parse } from "yaml";
import type { Host } from "../../host/host.ts";
import { RunnerError } from "../../text/errors.ts";
import { escapeUntrusted } from "../../text/escape.ts";
import { parseDotenv } from "../artifacts/dotenv.ts";
import type { Variables } from "./expand.ts";

interface GivenVariables {
  readonly variables: Variables;
  /** Those of type file, with their content. */
  readonly files: Variables;
}

const scalar = v.pipe(
  v.union([v.string(), v.number(), v.boolean()]),
  v.transform((value) => String(value)),
);
const schema = v.record(
  v.pipe(v.string(), v.regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "it names no variable")),
  v.union([
    scalar,
    v.strictObject({
      value: scalar,
      type: v.optional(v.picklist(["env_var", "file"]), "env_var"),
      raw: v.optional(v.boolean(), false),
    }),
  ]),
);

/** Throws a usage error for a file that cannot be read as one of variables. */
export function readVariablesFile(
  host: Pick<Host, "files">,
  path: string | undefined,
): GivenVariables {
  if (path === undefined) return { variables: {}, files: {} };
  try {
    return parseVariablesFile(host.files.readText(path));
  } catch (cause) {
    throw new RunnerError({
      kind: "usage",
      message: `Cannot read the variables of "${escapeUntrusted(path, 120)}".`,
      // What does not parse may be a secret.
      cause: new Error(
        cause instanceof v.ValiError ? cause.message : "It is not there, or no text of variables.",
      ),
      hints: ["Write lines of KEY=VALUE, or YAML: KEY: {value: …, type: file}."],
    });
  }
}

/** Pure. */
export function parseVariablesFile(text: string): GivenVariables {
  const parsed: unknown = parse(text);
  if (typeof parsed !== "object" || parsed === null) {
    return { variables: parseDotenv(text), files: {} };
  }
  const variables: Record<string, string> = {};
  const files: Record<string, string> = {};
  for (const [name, given] of Object.entries(v.parse(schema, parsed))) {
    if (typeof given === "string") variables[name] = given;
    else if (given.type === "file") files[name] = given.value;
    else variables[name] = given.raw ? given.value.replaceAll("$", "$$$$") : given.value;
  }
  return { variables, files };
}
