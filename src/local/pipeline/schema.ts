/** The keywords of a job that mean something to `exec`, each with what it may be. Pure. */
import * as v from "valibot";
import { escapeUntrusted } from "../../text/escape.ts";
import { parseDurationSeconds } from "./duration.ts";

/** What would end a string early where one is handed to a program. */
export const text = v.pipe(
  v.string(),
  v.check((value) => !value.includes("\0"), "it holds a zero byte"),
);

/** docs.gitlab.com, "!reference tags": so deep may lists of lists be nested, which are one list. */
const NESTED_MAX = 10;

export const list = <Item extends v.GenericSchema>(item: Item) =>
  v.pipe(
    v.array(v.unknown()),
    v.transform((values): unknown[] => values.flat(NESTED_MAX)),
    v.array(item),
  );

const texts = list(text);
/** One or many, as it was written. */
const oneOrMany = v.pipe(
  v.union([text, texts]),
  v.transform((value) => (typeof value === "string" ? [value] : value)),
);
const lines = v.pipe(
  v.nullish(oneOrMany, []),
  v.transform((value) => value ?? []),
);
/** As GitLab has it: docs.gitlab.com, "CI/CD variables". A shell cannot export others. */
const variableName = v.pipe(
  v.string(),
  v.regex(
    /^[A-Za-z_][A-Za-z0-9_]*$/,
    ({ input }) => `"${escapeUntrusted(String(input), 80)}" names no variable`,
  ),
);
const scalar = v.pipe(
  v.union([text, v.number(), v.boolean()]),
  v.transform((value) => String(value)),
);
/** What has a description and no value is empty. Of what is not to be expanded `$$` is a dollar sign. */
const variableValue = v.pipe(
  v.nullable(
    v.union([scalar, v.object({ value: v.nullish(scalar), expand: v.optional(v.boolean()) })]),
  ),
  v.transform((value) => {
    if (value === null) return "";
    if (typeof value === "string") return value;
    const written = value.value ?? "";
    return value.expand === false ? written.replaceAll("$", "$$$$") : written;
  }),
);
export const variables = v.pipe(
  v.nullish(v.record(variableName, variableValue), {}),
  v.transform((value) => value ?? {}),
);

const when = v.picklist(["on_success", "on_failure", "always", "manual", "delayed", "never"]);
export type When = v.InferOutput<typeof when>;

const exitCodes = v.pipe(
  v.union([v.number(), v.array(v.number())]),
  v.transform((value) => (typeof value === "number" ? [value] : value)),
);
/** True, false, or the exit codes for which a failure is allowed. */
const allowFailure = v.pipe(
  v.union([v.boolean(), v.object({ exit_codes: exitCodes })]),
  v.transform((value) => (typeof value === "boolean" ? value : value.exit_codes)),
);

const matrixValue = v.pipe(
  v.union([scalar, list(scalar)]),
  v.transform((value) => (typeof value === "string" ? [value] : value)),
);
const matrix = list(v.record(variableName, matrixValue));

const need = v.pipe(
  v.union([
    text,
    v.object({
      job: v.optional(text),
      artifacts: v.nullish(v.boolean(), true),
      optional: v.nullish(v.boolean(), false),
      project: v.optional(text),
      pipeline: v.optional(text),
      parallel: v.optional(v.object({ matrix })),
    }),
  ]),
  v.transform((value) =>
    typeof value === "string"
      ? { job: value, artifacts: true, optional: false, parallel: undefined, elsewhere: undefined }
      : {
          job: value.job ?? "",
          artifacts: value.artifacts ?? true,
          optional: value.optional ?? false,
          parallel: value.parallel?.matrix,
          elsewhere: value.project ?? value.pipeline,
        },
  ),
);
export type Need = v.InferOutput<typeof need>;

const changes = v.pipe(
  v.union([texts, v.object({ paths: texts, compare_to: v.optional(text) })]),
  v.transform((value) =>
    Array.isArray(value)
      ? { paths: value, compare_to: undefined }
      : { compare_to: undefined, ...value },
  ),
);
const exists = v.pipe(
  v.union([texts, v.object({ paths: texts, project: v.optional(text) })]),
  v.transform((value) =>
    Array.isArray(value) ? { paths: value, project: undefined } : { project: undefined, ...value },
  ),
);
export const ruleSchema = v.object({
  if: v.optional(text),
  changes: v.optional(changes),
  exists: v.optional(exists),
  when: v.optional(when),
  allow_failure: v.optional(allowFailure),
  variables,
  needs: v.optional(list(need)),
  interruptible: v.optional(v.boolean()),
});
export type Rule = v.InferOutput<typeof ruleSchema>;

const policy = v.pipe(
  v.union([
    text,
    texts,
    v.object({
      refs: v.optional(texts),
      variables: v.optional(texts),
      changes: v.optional(texts),
      kubernetes: v.optional(v.unknown()),
    }),
  ]),
  v.transform((value): Policy => {
    if (typeof value === "string") return { refs: [value] };
    return Array.isArray(value) ? { refs: value } : value;
  }),
);
export interface Policy {
  readonly refs?: readonly string[] | undefined;
  readonly variables?: readonly string[] | undefined;
  readonly changes?: readonly string[] | undefined;
  readonly kubernetes?: unknown;
}

const duration = v.pipe(
  v.union([text, v.number()]),
  v.transform((value) => parseDurationSeconds(String(value))),
  v.number("it is no length of time, such as 1h 30m"),
);

const artifacts = v.object({
  paths: v.nullish(texts, []),
  exclude: v.nullish(texts, []),
  untracked: v.nullish(v.boolean(), false),
  when: v.nullish(v.picklist(["on_success", "on_failure", "always"]), "on_success"),
  reports: v.nullish(v.record(v.string(), v.unknown()), {}),
});

const cache = v.object({
  key: v.nullish(
    v.union([scalar, v.object({ files: texts, prefix: v.optional(text) })]),
    "default",
  ),
  paths: v.nullish(texts, []),
  untracked: v.nullish(v.boolean(), false),
  unprotect: v.nullish(v.boolean(), false),
  policy: v.nullish(text, "pull-push"),
  when: v.nullish(v.picklist(["on_success", "on_failure", "always"]), "on_success"),
  fallback_keys: v.nullish(texts, []),
});
export type Cache = v.InferOutput<typeof cache>;

const retry = v.pipe(
  v.union([
    v.number(),
    v.object({
      max: v.optional(v.number(), 0),
      when: v.optional(oneOrMany, ["always"]),
      exit_codes: v.optional(exitCodes),
    }),
  ]),
  v.transform((value) =>
    typeof value === "number" ? { max: value, when: ["always"], exit_codes: undefined } : value,
  ),
);

const names = v.pipe(
  v.nullish(v.record(v.string(), v.unknown()), {}),
  v.transform((value) => Object.keys(value ?? {})),
);
const isThere = v.pipe(
  v.optional(v.unknown(), false),
  v.transform((value) => value !== undefined && value !== null && value !== false),
);

const image = v.pipe(
  v.union([
    text,
    v.object({
      name: text,
      entrypoint: v.optional(list(text)),
      docker: v.optional(v.object({ user: v.optional(scalar), platform: v.optional(text) })),
      pull_policy: v.optional(oneOrMany),
    }),
  ]),
  v.transform((value) => (typeof value === "string" ? { name: value } : value)),
);

const service = v.pipe(
  v.union([text, v.object({ name: text, alias: v.nullish(v.union([text, texts])) })]),
  v.transform((value) => (typeof value === "string" ? { name: value, alias: undefined } : value)),
);

export const jobSchema = v.object({
  image: v.optional(image),
  stage: v.optional(text, "test"),
  variables,
  inherit: v.optional(v.object({ variables: v.optional(v.union([v.boolean(), texts]), true) }), {}),
  before_script: lines,
  script: lines,
  after_script: lines,
  hooks: v.optional(v.object({ pre_get_sources_script: lines })),
  services: v.nullish(list(service), []),
  rules: v.nullish(list(ruleSchema)),
  only: v.nullish(policy),
  except: v.nullish(policy),
  when: v.optional(when, "on_success"),
  allow_failure: v.optional(allowFailure),
  needs: v.nullish(list(need)),
  dependencies: v.nullish(texts),
  parallel: v.optional(v.union([v.number(), v.object({ matrix })])),
  artifacts: v.nullish(artifacts),
  cache: v.pipe(
    // In this order: an array passes for an object.
    v.nullish(v.union([list(cache), cache]), []),
    v.transform((value) => (value === null ? [] : Array.isArray(value) ? value : [value])),
  ),
  retry: v.optional(retry),
  timeout: v.optional(duration),
  trigger: isThere,
  secrets: names,
  id_tokens: names,
  identity: isThere,
  environment: v.optional(
    v.union([text, v.object({ name: v.optional(text), url: v.optional(text) })]),
  ),
  resource_group: v.optional(text),
  release: isThere,
  pages: v.optional(v.unknown()),
});
