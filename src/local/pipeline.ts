/** Jobs of a resolved `.gitlab-ci.yml`: what `gitlab-ci-local --preview` prints, as data. Pure. */
import * as v from "valibot";
import { RunnerError } from "../text/errors.ts";
import { nearestName } from "../text/nearest.ts";

const lines = v.optional(
  v.pipe(
    v.union([v.string(), v.array(v.union([v.string(), v.array(v.string())]))]),
    v.transform((value) => (typeof value === "string" ? [value] : value.flat())),
  ),
  [],
);
const variables = v.optional(
  v.record(
    v.string(),
    v.pipe(
      v.nullable(v.union([v.string(), v.number(), v.boolean()])),
      v.transform((value) => String(value ?? "")),
    ),
  ),
  {},
);
const jobSchema = v.object({
  image: v.optional(v.object({ name: v.string() })),
  stage: v.optional(v.string(), "test"),
  variables,
  before_script: lines,
  script: lines,
  after_script: lines,
  services: v.optional(v.array(v.unknown()), []),
  artifacts: v.optional(v.object({ paths: v.optional(v.array(v.string()), []) })),
});

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

/** Throws a usage error when the text is not a pipeline. */
export function parsePipeline(preview: string): readonly LocalJob[] {
  const top = v.parse(v.record(v.string(), v.unknown()), Bun.YAML.parse(preview));
  const shared = v.parse(v.object({ variables }), top).variables;
  return Object.entries(top)
    .filter(([name]) => !KEYWORDS.has(name) && !name.startsWith("."))
    .map(([name, value]) => {
      const parsed = v.safeParse(jobSchema, value);
      if (!parsed.success) {
        throw new RunnerError({
          kind: "usage",
          message: `Cannot run the job "${name}": ${parsed.issues[0].message}.`,
        });
      }
      const job = parsed.output;
      return {
        name,
        stage: job.stage,
        image: job.image?.name,
        variables: { ...shared, ...job.variables },
        script: [...job.before_script, ...job.script],
        afterScript: job.after_script,
        services: job.services.length,
        artifacts: job.artifacts?.paths ?? [],
      };
    });
}

/** The job of that name; without a name, the only one there is. Throws a usage error otherwise. */
export function chooseJob(jobs: readonly LocalJob[], name: string | undefined): LocalJob {
  const names = jobs.map((job) => job.name);
  const chosen = name === undefined && jobs.length === 1 ? names[0] : name;
  const job = jobs.find((candidate) => candidate.name === chosen);
  if (job !== undefined) return job;
  const near = name === undefined ? undefined : nearestName(name, names);
  throw new RunnerError({
    kind: "usage",
    message:
      name === undefined ? "There are several jobs; which one?" : `There is no job "${name}".`,
    hints: [
      ...(near === undefined ? [] : [`Did you mean "${near}"?`]),
      `The jobs are: ${names.join(", ")}.`,
    ],
  });
}
