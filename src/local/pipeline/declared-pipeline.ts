/**
 * A resolved `.gitlab-ci.yml` as typed data: jobs as they are declared, before rules and `parallel`.
 * What comes in is a stranger's, and was made by a process that the stranger may have taken over:
 * nothing of it is trusted, and what a job cannot have is refused. Pure.
 */
import * as v from "valibot";
import { RunnerError } from "../../text/errors.ts";
import { escapeUntrusted } from "../../text/escape.ts";
import type { Variables } from "../variables/expand.ts";
import { DEFAULTS_AT_THE_TOP, defaultsOf, inheritDefaults } from "./inherit-default.ts";
import { jobSchema, list, ruleSchema, text, variables as variablesSchema } from "./schema.ts";

export type { Need, Policy, Rule, When } from "./schema.ts";

export interface DeclaredJob extends v.InferOutput<typeof jobSchema> {
  readonly name: string;
}

export interface DeclaredPipeline {
  readonly stages: readonly string[];
  /** Of all jobs. */
  readonly variables: Variables;
  readonly workflow: readonly v.InferOutput<typeof ruleSchema>[] | undefined;
  readonly jobs: readonly DeclaredJob[];
}

const topSchema = v.object({
  stages: v.optional(list(text), ["build", "test", "deploy"]),
  variables: variablesSchema,
  workflow: v.nullish(v.object({ rules: v.nullish(list(ruleSchema)) })),
});

/** Names at the top of the file that are no jobs; a name with a dot before it is hidden. */
const KEYWORDS = new Set([
  ...["stages", "variables", "workflow", "default", "include", "spec"],
  ...DEFAULTS_AT_THE_TOP,
]);
/** Stages that are there whatever the file says. */
const BY_ITSELF = new Set([".pre", ".post"]);

const JOBS_MAX = 10_000;
/** GitLab's own limit, which it calls "is too long (maximum is 255 characters)". */
const named = v.pipe(text, v.maxLength(255, "its name is too long"));

/** Throws a usage error when it is not a pipeline. */
export function parsePipeline(pipeline: unknown): DeclaredPipeline {
  const entries = Object.entries(parse("the file", v.record(v.string(), v.unknown()), pipeline));
  const keywords = Object.fromEntries(entries.filter(([name]) => KEYWORDS.has(name)));
  const top = parse("the top", topSchema, keywords);
  const defaults = defaultsOf(keywords);
  const jobs = entries.filter(([name]) => !KEYWORDS.has(name) && !name.startsWith("."));
  if (jobs.length > JOBS_MAX) {
    throw new RunnerError({
      kind: "usage",
      message: `The pipeline has ${jobs.length} jobs; ${JOBS_MAX} is the most there may be.`,
    });
  }
  return {
    stages: [".pre", ...top.stages.filter((stage) => !BY_ITSELF.has(stage)), ".post"],
    variables: top.variables,
    workflow: top.workflow?.rules ?? undefined,
    jobs: jobs.map(([name, value]) => {
      const what = `the job ${quote(name)}`;
      parse(what, named, name);
      return { ...parse(what, jobSchema, inheritDefaults(value, defaults)), name };
    }),
  };
}

function parse<Schema extends v.GenericSchema>(
  what: string,
  schema: Schema,
  value: unknown,
): v.InferOutput<Schema> {
  const parsed = v.safeParse(schema, value);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const path = v.getDotPath(issue);
  const where = path === null ? "" : `${quote(path)}: `;
  throw new RunnerError({
    kind: "usage",
    message: `Cannot read ${what} of ".gitlab-ci.yml": ${where}${escapeUntrusted(issue.message)}.`,
  });
}

const quote = (value: string): string => `"${escapeUntrusted(value, 80)}"`;
