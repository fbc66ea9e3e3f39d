/**
 * The table of keywords in docs/exec.md: every one that it names has a row here, which tries what the
 * table says of it, or names the test of another file that does.
 */
import { expect, test } from "bun:test";
import { parseJobFeatures } from "../job/job-features.ts";
import { planCaches } from "./cache.ts";
import { isTriedAgain } from "./job-end.ts";
import { jobResponse } from "./job-response.ts";
import { refusedBy } from "./parser/explain-end.ts";
import { parsePipeline } from "./pipeline/declared-pipeline.ts";
import { artifactSourcesOf, predecessorsOf } from "./pipeline/needs.ts";
import { leftOut, refuseWhatIsNotHere } from "./pipeline/not-here.ts";
import { type Pipeline, type PipelineJob, planPipeline } from "./pipeline/plan-pipeline.ts";
import { ignoredOf, readSourceWish } from "./source-wish.ts";
import { jobVariables } from "./variables/predefined.ts";

type Keywords = Record<string, unknown>;

const FACTS = {
  ref: "main",
  kind: "branch",
  source: "push",
  projectPath: "group/app",
  files: ["README.md"],
  changedFiles: ["src/a.c"],
  changedSince: { base: ["docs/b.md"] },
  predefined: { CI_COMMIT_BRANCH: "main" },
  pinned: {},
} as const;

const plan = (file: Keywords): Pipeline => planPipeline(parsePipeline(file), FACTS);

/** A job after two others, of which the second has copies. */
function pipelineOf(keywords: Keywords, top: Keywords = {}): Pipeline {
  const before = { stage: "build", script: ["x"] };
  const two = { ...before, parallel: { matrix: [{ A: ["a", "b"] }] } };
  return plan({ ...top, one: before, two, j: { script: ["x"], ...keywords } });
}

function job(keywords: Keywords, top: Keywords = {}): PipelineJob {
  const found = pipelineOf(keywords, top).jobs.find(({ baseName }) => baseName === "j");
  if (found === undefined) throw new Error("there is no job");
  return found;
}

const isThere = (keywords: Keywords): boolean =>
  pipelineOf(keywords).jobs.some(({ baseName }) => baseName === "j");

const beforeOf = (keywords: Keywords): string[] =>
  predecessorsOf(pipelineOf(keywords), job(keywords)).map(({ name }) => name);

const sourcesOf = (keywords: Keywords): string[] =>
  artifactSourcesOf(pipelineOf(keywords), job(keywords)).map(({ name }) => name);

const isTriedAfter = (retry: unknown, code: number): boolean =>
  isTriedAgain(job({ retry }), { kind: "exited", code }, 1);

const ignoredIn = (image: object, services: object[] = []): readonly string[] => {
  const planned = job({ image: { name: "trixie", ...image }, services });
  const facts = { jobId: "1", timeoutSeconds: 1, image: "trixie", variables: {} };
  return parseJobFeatures(jobResponse(planned, facts)).ignored;
};

const cacheOf = (keywords: Keywords, variables = {}) =>
  planCaches(
    job({ cache: { paths: ["p"], ...keywords } }).declared.cache,
    variables,
    () => "v1",
  )[0];

const variablesOf = (keywords: Keywords) =>
  jobVariables({
    job: job(keywords),
    pipeline: FACTS.predefined,
    ...{ jobId: "5", startedAt: "now", timeoutSeconds: 60, image: "trixie" },
    ...{ buildsDirectory: "/builds", architecture: "x64" },
  });

const refusalOf = (keywords: Keywords, given: readonly string[] = []): string => {
  try {
    refuseWhatIsNotHere(job(keywords), given);
    return "";
  } catch (error) {
    return String(error);
  }
};

/** What is tried, and what it comes to; or who tries it, where more than a plan is needed. */
type Row =
  | { readonly got: () => unknown; readonly is: unknown }
  | { readonly file: string; readonly test: string };

const LAB = (file: string, name: string): Row => ({ file: `test/lab/${file}.test.ts`, test: name });
const UNIT = (file: string, name: string): Row => ({
  file: `src/local/${file}.test.ts`,
  test: name,
});
const declared = (keywords: Keywords) => job(keywords).declared;
const CHANGES_NOTHING = (
  keyword: string,
  value: unknown,
  where: "job" | "artifacts" = "job",
): Row => {
  const plain = where === "job" ? {} : { artifacts: { paths: ["p"] } };
  const given =
    where === "job" ? { [keyword]: value } : { artifacts: { paths: ["p"], [keyword]: value } };
  return { got: () => job(given), is: job(plain) };
};

const ROWS: Readonly<Record<string, Row>> = {
  script: { got: () => declared({ script: "a" }).script, is: ["a"] },
  before_script: {
    got: () => declared({ before_script: ["a", ["b"]] }).before_script,
    is: ["a", "b"],
  },
  after_script: { got: () => declared({ after_script: ["a"] }).after_script, is: ["a"] },
  default: { got: () => job({}, { default: { timeout: "1m" } }).declared.timeout, is: 60 },
  extends: LAB("pipelines", "the pipeline of a %s"),
  "!reference": LAB("pipelines", "the pipeline of a %s"),
  inherit: {
    got: () =>
      job({ inherit: { default: false } }, { default: { timeout: "1m" } }).declared.timeout,
    is: undefined,
  },
  "include: local": LAB("pipelines", "the pipeline of a %s"),
  "include: local:inputs": LAB("pipelines", "the pipeline of a %s"),
  "include: local:rules": LAB("pipelines", "the pipeline of a %s"),
  "include: component": LAB("pipelines", "the pipeline of a %s"),
  "include: remote": {
    got: () => String(refusedBy("Remote include could not be fetched https://x/y.yml")),
    is: expect.stringContaining('Cannot include "https://x/y.yml"'),
  },
  "include: project": {
    got: () =>
      String(
        refusedBy("Project include could not be fetched { project: a/b, ref: HEAD, file: c.yml }"),
      ),
    is: expect.stringContaining('"c.yml" of the project "a/b"'),
  },
  "include: template": LAB("hostile-pipelines", '["template", "{ template: Jobs/Build'),
  "spec: inputs": {
    got: () => pipelineOf({}, { spec: { inputs: { a: { default: "x" } } } }).jobs,
    is: pipelineOf({}).jobs,
  },

  stages: {
    got: () => pipelineOf({ stage: "last" }, { stages: ["build", "last"] }).stages,
    is: [".pre", "build", "last", ".post"],
  },
  stage: { got: () => beforeOf({ stage: "test" }), is: ["one", "two: [a]", "two: [b]"] },
  needs: { got: () => beforeOf({ needs: ["one"] }), is: ["one"] },
  "needs:optional": { got: () => beforeOf({ needs: [{ job: "none", optional: true }] }), is: [] },
  "needs:artifacts": {
    got: () => sourcesOf({ needs: [{ job: "one", artifacts: false }] }),
    is: [],
  },
  "needs:parallel: matrix": {
    got: () => beforeOf({ needs: [{ job: "two", parallel: { matrix: [{ A: "b" }] } }] }),
    is: ["two: [b]"],
  },
  dependencies: { got: () => sourcesOf({ dependencies: ["two: [a]"] }), is: ["two: [a]"] },
  rules: { got: () => isThere({ rules: [] }), is: false },
  "rules:if": { got: () => isThere({ rules: [{ if: "$CI_COMMIT_TAG" }] }), is: false },
  "rules:changes": { got: () => isThere({ rules: [{ changes: ["docs/*"] }] }), is: false },
  "rules:compare_to": {
    got: () => isThere({ rules: [{ changes: { paths: ["docs/*"], compare_to: "base" } }] }),
    is: true,
  },
  "rules:exists": { got: () => isThere({ rules: [{ exists: ["*.md"] }] }), is: true },
  "rules:when": { got: () => job({ rules: [{ when: "always" }] }).when, is: "always" },
  "rules:variables": {
    got: () => job({ rules: [{ variables: { A: 1 } }] }).variables,
    is: { A: "1" },
  },
  "rules:allow_failure": {
    got: () => job({ rules: [{ allow_failure: true }] }).allowFailure,
    is: true,
  },
  "rules:needs": { got: () => beforeOf({ rules: [{ needs: ["one"] }] }), is: ["one"] },
  "workflow: rules": {
    got: () => pipelineOf({}, { workflow: { rules: [{ when: "never" }] } }).jobs,
    is: [],
  },
  "workflow: name": {
    got: () => job({}, { workflow: { name: "x" } }),
    is: job({}),
  },
  "workflow: auto_cancel": {
    got: () => job({}, { workflow: { auto_cancel: { on_new_commit: "none" } } }),
    is: job({}),
  },
  only: { got: () => isThere({ only: ["tags"] }), is: false },
  except: { got: () => isThere({ except: ["branches"] }), is: false },
  variables: {
    got: () =>
      job({ variables: { B: { value: "$A", expand: false } } }, { variables: { A: true } })
        .variables,
    is: { A: "true", B: "$$A" },
  },
  image: { got: () => declared({ image: "trixie" }).image, is: { name: "trixie" } },
  "image:entrypoint": { got: () => ignoredIn({ entrypoint: ["x"] }), is: ["image:entrypoint"] },
  "image:docker": {
    got: () => ignoredIn({ docker: { user: "u", platform: "p" } }),
    is: ["image:docker:user", "image:docker:platform"],
  },
  "image:pull_policy": {
    got: () => ignoredIn({ pull_policy: "always" }),
    is: ["image:pull_policy"],
  },
  services: { got: () => ignoredIn({}, [{ name: "db:1" }]), is: ["services (db:1)"] },
  parallel: {
    got: () =>
      pipelineOf({ parallel: 2 })
        .jobs.slice(-2)
        .map(({ name }) => name),
    is: ["j 1/2", "j 2/2"],
  },
  matrix: { got: () => job({ parallel: { matrix: [{ A: "x" }] } }).name, is: "j: [x]" },
  artifacts: LAB(
    "exec-passing-on",
    "artifacts and variables of earlier jobs are there, or said to be absent",
  ),
  "artifacts:paths": {
    got: () => declared({ artifacts: { paths: ["p"] } }).artifacts?.paths,
    is: ["p"],
  },
  "artifacts:exclude": {
    got: () => declared({ artifacts: { exclude: ["p"] } }).artifacts?.exclude,
    is: ["p"],
  },
  "artifacts:untracked": {
    got: () => declared({ artifacts: { untracked: true } }).artifacts?.untracked,
    is: true,
  },
  "artifacts:when": {
    got: () => declared({ artifacts: { when: "always" } }).artifacts?.when,
    is: "always",
  },
  "artifacts:reports: dotenv": UNIT("artifacts/artifacts", "variables that a job hands on"),
  "artifacts:expire_in": CHANGES_NOTHING("expire_in", "1 day", "artifacts"),
  "artifacts:name": CHANGES_NOTHING("name", "x", "artifacts"),
  "artifacts:access": CHANGES_NOTHING("access", "all", "artifacts"),
  "artifacts:expose_as": CHANGES_NOTHING("expose_as", "x", "artifacts"),
  "artifacts:reports": LAB("pipelines", "the pipeline of a %s"),
  cache: LAB("exec-passing-on", "a cache is there for the next run, as its policy says"),
  "cache:key": { got: () => cacheOf({ key: "k" })?.key, is: "k-non_protected" },
  "cache:files": { got: () => cacheOf({ key: { files: ["f"] } })?.key, is: "v1-non_protected" },
  "cache:prefix": {
    got: () => cacheOf({ key: { files: ["f"], prefix: "x" } })?.key,
    is: "x-v1-non_protected",
  },
  "cache:paths": { got: () => cacheOf({})?.paths, is: ["p"] },
  "cache:untracked": { got: () => cacheOf({ untracked: true })?.untracked, is: true },
  "cache:policy": { got: () => cacheOf({ policy: "push" })?.pull, is: false },
  "cache:when": { got: () => cacheOf({ when: "on_failure" })?.push(true), is: false },
  "cache:fallback_keys": {
    got: () => cacheOf({ fallback_keys: ["f"] })?.fallbacks,
    is: ["f-non_protected"],
  },
  "cache:unprotect": {
    got: () => cacheOf({ key: "k", unprotect: true }, { CI_COMMIT_REF_PROTECTED: "true" })?.key,
    is: "k-non_protected",
  },
  allow_failure: { got: () => job({ allow_failure: true }).allowFailure, is: true },
  "allow_failure:exit_codes": {
    got: () => job({ allow_failure: { exit_codes: 3 } }).allowFailure,
    is: [3],
  },
  retry: { got: () => isTriedAfter(1, 1), is: true },
  "retry:when": { got: () => isTriedAfter({ max: 1, when: "api_failure" }, 1), is: false },
  "retry:exit_codes": { got: () => isTriedAfter({ max: 1, exit_codes: 3 }, 4), is: false },
  timeout: { got: () => declared({ timeout: "90 minutes" }).timeout, is: 5400 },
  when: { got: () => job({ when: "manual" }).when, is: "manual" },
  "when:manual": UNIT("job-end", "a manual job that a person has named runs"),
  "when:delayed": UNIT("job-end", '["delayed", ["passed"]'),
  start_in: CHANGES_NOTHING("start_in", "1 day"),
  manual_confirmation: CHANGES_NOTHING("manual_confirmation", "Sure?"),
  "hooks: pre_get_sources_script": {
    got: () => declared({ hooks: { pre_get_sources_script: "x" } }).hooks?.pre_get_sources_script,
    is: ["x"],
  },
  resource_group: { got: () => declared({ resource_group: "g" }).resource_group, is: "g" },
  environment: {
    got: () =>
      variablesOf({ environment: { name: "a/$CI_COMMIT_BRANCH", action: "stop" } })
        .CI_ENVIRONMENT_SLUG,
    is: "a-main",
  },
  pages: { got: () => [leftOut(job({ pages: true })), refusalOf({ pages: true })], is: [[], ""] },
  release: { got: () => leftOut(job({ release: { tag_name: "x" } })).length, is: 1 },
  trigger: {
    got: () => refusalOf({ trigger: "a/b" }),
    is: expect.stringContaining("is a trigger"),
  },
  secrets: {
    got: () => refusalOf({ secrets: { A: {} } }),
    is: expect.stringContaining("gets A from GitLab"),
  },
  id_tokens: { got: () => refusalOf({ id_tokens: { A: {} } }, ["A"]), is: "" },
  run: LAB("exec-passing-on", "%s is refused in a sentence"),
  tags: CHANGES_NOTHING("tags", ["x"]),
  interruptible: CHANGES_NOTHING("interruptible", true),
  coverage: CHANGES_NOTHING("coverage", "/x/"),
  GIT_DEPTH: { got: () => readSourceWish({}).depth, is: 20 },
  GIT_STRATEGY: { got: () => readSourceWish({ GIT_STRATEGY: "none" }).strategy, is: "none" },
  GIT_CHECKOUT: { got: () => readSourceWish({ GIT_CHECKOUT: "false" }).strategy, is: "fetch only" },
  GIT_SUBMODULE_STRATEGY: {
    got: () => readSourceWish({ GIT_SUBMODULE_STRATEGY: "normal" }).submodules,
    is: "normal",
  },
  GIT_LFS_SKIP_SMUDGE: { got: () => readSourceWish({ GIT_LFS_SKIP_SMUDGE: "1" }).lfs, is: false },
  GIT_CLONE_PATH: { got: () => ignoredOf({ GIT_CLONE_PATH: "x" }), is: ["GIT_CLONE_PATH"] },
  GIT_SUBMODULE_PATHS: {
    got: () => ignoredOf({ GIT_SUBMODULE_PATHS: "x" }),
    is: ["GIT_SUBMODULE_PATHS"],
  },
};

const root = `${import.meta.dir}/../..`;

/** Words of the table's first column: one in brackets is of the one before them. */
async function documented(): Promise<string[]> {
  const page = await Bun.file(`${root}/docs/exec.md`).text();
  const table = page.slice(page.indexOf("| keyword |"), page.indexOf("## A stranger"));
  const cells = table
    .split("\n")
    .slice(2)
    .map((row) => row.split(" | ")[0] ?? "");
  return cells.flatMap((cell) => {
    let of = "";
    let last = "";
    return [...cell.matchAll(/`([^`]+)`|[()]/g)].flatMap(([found, word]) => {
      if (found === "(") of = last;
      if (found === ")") of = "";
      if (word === undefined) return [];
      last = word;
      return [of === "" ? word : `${of}:${word}`];
    });
  });
}

test("every keyword of docs/exec.md has a row", async () => {
  expect(Object.keys(ROWS).sort()).toEqual([...new Set(await documented())].sort());
});

test.each(Object.entries(ROWS))("%s is as docs/exec.md says", async (_keyword, row) => {
  if ("file" in row) expect(await Bun.file(`${root}/${row.file}`).text()).toContain(row.test);
  else expect(row.got()).toEqual(row.is);
});
