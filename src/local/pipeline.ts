/**
 * Jobs of a resolved `.gitlab-ci.yml`. What comes in is a stranger's, and was made by a process that
 * the stranger may have taken over: nothing of it is trusted, and what a job cannot have is refused.
 * Pure.
 */
import * as v from "valibot";
import { RunnerError } from "../text/errors.ts";
import { escapeUntrusted } from "../text/escape.ts";
import { nearestName } from "../text/nearest.ts";

/** What would end a string early where one is handed to a program. */
const text = v.pipe(
  v.string(),
  v.check((value) => !value.includes("\0"), "it holds a zero byte"),
);
const lines = v.optional(
  v.pipe(
    v.union([text, v.array(v.union([text, v.array(text)]))]),
    v.transform((value) => (typeof value === "string" ? [value] : value.flat())),
  ),
  [],
);
/** As GitLab has it: docs.gitlab.com, "CI/CD variables". A shell cannot export others. */
const variableName = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z_][A-Za-z0-9_]*$/, ({ input }) => `${quote(input)} names no variable`),
);
const variables = v.optional(
  v.record(
    variableName,
    v.pipe(
      v.nullable(v.union([text, v.number(), v.boolean()])),
      v.transform((value) => String(value ?? "")),
    ),
  ),
  {},
);
const jobSchema = v.object({
  image: v.optional(v.object({ name: text })),
  stage: v.optional(text, "test"),
  variables,
  inherit: v.optional(
    v.object({ variables: v.optional(v.union([v.boolean(), v.array(text)]), true) }),
    {},
  ),
  before_script: lines,
  script: lines,
  after_script: lines,
  services: v.optional(v.array(v.unknown()), []),
  artifacts: v.optional(v.object({ paths: v.optional(v.array(text), []) })),
});

const JOBS_MAX = 10_000;
const JOB_NAME_LENGTH_MAX = 255;

export interface LocalJob {
  readonly name: string;
  readonly stage: string;
  readonly image: string | undefined;
  readonly variables: Readonly<Record<string, string>>;
  readonly script: readonly string[];
  readonly afterScript: readonly string[];
  readonly services: number;
  readonly artifacts: readonly string[];
}

/** Names at the top of the file that are no jobs; a name with a dot before it is hidden. */
const KEYWORDS = new Set(["stages", "variables", "workflow", "default", "include", "spec"]);

/** Throws a usage error when it is not a pipeline. */
export function parsePipeline(pipeline: unknown): readonly LocalJob[] {
  const top = parse("the file", v.record(v.string(), v.unknown()), pipeline);
  const shared = parse('the "variables" of all jobs', variables, top.variables);
  const entries = Object.entries(top).filter(
    ([name]) => !KEYWORDS.has(name) && !name.startsWith("."),
  );
  if (entries.length > JOBS_MAX) {
    throw new RunnerError({
      kind: "usage",
      message: `The pipeline has ${entries.length} jobs; ${JOBS_MAX} is the most there may be.`,
    });
  }
  return entries.map(([name, value]) => toJob(name, value, shared));
}

function toJob(name: string, value: unknown, shared: Readonly<Record<string, string>>): LocalJob {
  // GitLab's own limit, which it calls "is too long (maximum is 255 characters)".
  const named = v.pipe(text, v.maxLength(JOB_NAME_LENGTH_MAX, "its name is too long"));
  parse(`the job ${quote(name)}`, named, name);
  const job = parse(`the job ${quote(name)}`, jobSchema, value);
  const { variables: wanted } = job.inherit;
  const inherited = Object.entries(shared).filter(([key]) =>
    typeof wanted === "boolean" ? wanted : wanted.includes(key),
  );
  return {
    name,
    stage: job.stage,
    image: job.image?.name,
    variables: { ...Object.fromEntries(inherited), ...job.variables },
    script: [...job.before_script, ...job.script],
    afterScript: job.after_script,
    services: job.services.length,
    artifacts: job.artifacts?.paths ?? [],
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

const NAMES_SHOWN_MAX = 50;

/** The job of that name; without a name, the only one there is. Throws a usage error otherwise. */
export function chooseJob(jobs: readonly LocalJob[], name: string | undefined): LocalJob {
  const names = jobs.map((job) => job.name);
  const chosen = name === undefined && jobs.length === 1 ? names[0] : name;
  const job = jobs.find((candidate) => candidate.name === chosen);
  if (job !== undefined) return job;
  const near = name === undefined ? undefined : nearestName(name, names);
  const listed = names.slice(0, NAMES_SHOWN_MAX).map((each) => escapeUntrusted(each, 80));
  const more = names.length - listed.length;
  throw new RunnerError({
    kind: "usage",
    message:
      name === undefined ? "There are several jobs; which one?" : `There is no job ${quote(name)}.`,
    hints: [
      ...(near === undefined ? [] : [`Did you mean ${quote(near)}?`]),
      `The jobs are: ${listed.join(", ")}${more === 0 ? "" : ` and ${more} more`}.`,
    ],
  });
}
