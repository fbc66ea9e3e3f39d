import { expect, test } from "bun:test";
import { parsePipeline } from "../pipeline/declared-pipeline.ts";
import { choosePipelineKind } from "../pipeline/pipeline-kind.ts";
import { planPipeline } from "../pipeline/plan-pipeline.ts";
import { expandKnown, expandText, expandVariables, refuseCircles } from "./expand.ts";
import { jobVariables, pipelineVariables, slug } from "./predefined.ts";
import { parseVariablesFile } from "./variables-file.ts";

test.each([
  [
    { A: "1", B: "$A-x", C: "${B}!", D: "%C%" },
    { A: "1", B: "1-x", C: "1-x!", D: "1-x!" },
  ],
  [
    { PRICE: "$$5 5$ 100%", WHEN: "%Y-%m-%d" },
    { PRICE: "$5 5$ 100%", WHEN: "%Y-%m-%d" },
  ],
  // What is not to be expanded is so wherever it is named.
  [
    { RAW: "$$A", B: "$RAW" },
    { RAW: "$A", B: "$A" },
  ],
  [{ A: "$MISSING. ${MISSING} $1 $* ${} ${" }, { A: ".     " }],
  // Only once, and not within itself: test/contract has tried it.
  [{ PATH: "/x:$PATH" }, { PATH: "/x:/x:$PATH" }],
  // GitLab makes no job of them.
  [
    { A: "$B", B: "$A" },
    { A: "$A", B: "$B" },
  ],
])("%p expands", (variables, expanded) => {
  expect(expandVariables(variables as Record<string, string>)).toEqual(
    expanded as Record<string, string>,
  );
});

test.each([
  [{ A: "$B", B: "${C}", C: "x $A" }, "A, B, C"],
  [{ A: "x", B: "$C", C: "$B $A" }, "B, C"],
])("variables that name each other in a circle are refused: %p", (variables, names) => {
  expect(() => refuseCircles("j", variables as never)).toThrow(
    `The variables of the job "j" name each other in a circle: ${names}.`,
  );
});

test("a variable that names itself is no circle, and a long chain is none", () => {
  const chain = Array.from({ length: 50_000 }, (_, at) => [`V${at}`, `$V${at + 1}`]);
  expect(() => refuseCircles("j", { A: "$A", ...Object.fromEntries(chain) })).not.toThrow();
});

test("variables that name each other often are looked at once", () => {
  const empty = Array.from({ length: 60 }, (_, level) => [`V${level}`, `$V${level + 1}`.repeat(2)]);
  expect(expandVariables(Object.fromEntries([...empty, ["V60", ""]])).V0).toBe("");
  const long = Object.fromEntries([...empty, ["V60", "x"]]);
  expect(() => expandVariables(long)).toThrow("longer than 4 MB");
});

test.each([
  ["$DISTRO-ci", "trixie-ci"],
  ["${DISTRO}", "trixie"],
  ["$COST", "$5"],
  ["plain", "plain"],
])("the name of an image, %p, is expanded", (image, name) => {
  expect(expandText(image, { DISTRO: "trixie", COST: "$5" })).toBe(name);
});

test("in paths of rules, what is no variable stays", () => {
  expect(expandKnown("$A/$B", { A: "a" })).toBe("a/$B");
});

test.each([
  ["feature/Topic_", "feature-topic"],
  ["--x--", "x"],
  ["Ünïcode", "n-code"],
  ["x".repeat(70), "x".repeat(63)],
])("the slug of %p is %p", (text, expected) => {
  expect(slug(text)).toBe(expected);
});

const COMMIT = {
  sha: "0123456789abcdef0123456789abcdef01234567",
  parent: "f".repeat(40),
  message: "Title\n\nMore\nwords\n",
  author: "Somebody <somebody@example.org>",
  timestamp: "2026-01-02T03:04:05+00:00",
  branch: "feature/Topic_",
  tags: ["v1.2"],
  defaultBranch: "main",
  project: { protocol: "https", host: "gitlab.example.org", port: "8443", path: "a/b/App" },
  user: { name: "Me", email: "me@example.org" },
} as const;

function variablesOf(event: "push" | "tag" | "merge_request" | "schedule" | undefined) {
  const pipeline = choosePipelineKind(COMMIT, { event, branch: undefined });
  return pipelineVariables({ commit: COMMIT, pipeline, pipelineId: "7", createdAt: "now" });
}

test("the predefined variables of a branch's pipeline", () => {
  expect(variablesOf(undefined)).toMatchObject({
    CI_API_V4_URL: "https://gitlab.example.org:8443/api/v4",
    CI_COMMIT_BRANCH: "feature/Topic_",
    CI_COMMIT_DESCRIPTION: "More\nwords",
    CI_COMMIT_MESSAGE: "Title\n\nMore\nwords\n",
    CI_COMMIT_REF_NAME: "feature/Topic_",
    CI_COMMIT_REF_PROTECTED: "false",
    CI_COMMIT_REF_SLUG: "feature-topic",
    CI_COMMIT_SHORT_SHA: "01234567",
    CI_COMMIT_TITLE: "Title",
    CI_DEFAULT_BRANCH: "main",
    CI_PIPELINE_SOURCE: "push",
    CI_PROJECT_NAME: "App",
    CI_PROJECT_NAMESPACE: "a/b",
    CI_PROJECT_PATH: "a/b/App",
    CI_PROJECT_PATH_SLUG: "a-b-app",
    CI_PROJECT_ROOT_NAMESPACE: "a",
    CI_PROJECT_URL: "https://gitlab.example.org:8443/a/b/App",
    CI_REGISTRY_IMAGE: "registry.gitlab.example.org/a/b/app",
    CI_SERVER_FQDN: "gitlab.example.org:8443",
    GITLAB_USER_LOGIN: "me",
  });
});

test.each([
  ["push", "feature/Topic_", undefined, "push"],
  ["schedule", "feature/Topic_", undefined, "schedule"],
  ["tag", undefined, "v1.2", "push"],
  ["merge_request", undefined, undefined, "merge_request_event"],
] as const)(
  "by %s, the branch is %p, the tag %p and the source %p",
  (event, branch, tag, source) => {
    const variables = variablesOf(event);
    expect(variables.CI_COMMIT_BRANCH).toBe(branch as string);
    expect(variables.CI_COMMIT_TAG).toBe(tag as string);
    expect(variables.CI_PIPELINE_SOURCE).toBe(source);
    expect("CI_MERGE_REQUEST_IID" in variables).toBe(event === "merge_request");
  },
);

test.each([
  ["a branch", { branch: "x", tags: ["v1"] }, {}, "branch", "x"],
  ["a tag that is checked out", { branch: undefined, tags: ["v1", "v2"] }, {}, "tag", "v2"],
  ["neither", { branch: undefined, tags: [] }, {}, "branch", "main"],
  ["a branch that is asked for", { branch: "x", tags: [] }, { branch: "y" }, "branch", "y"],
])("the pipeline of %s", (_title, commit, wish, kind, ref) => {
  const chosen = choosePipelineKind(
    { defaultBranch: "main", ...commit },
    { event: undefined, branch: undefined, ...wish },
  );
  expect(chosen).toMatchObject({ kind, ref });
});

test("a tag that is not there is no pipeline", () => {
  const commit = { defaultBranch: "main", branch: "x", tags: [] };
  const wish = { event: "tag", branch: undefined } as const;
  expect(() => choosePipelineKind(commit, wish)).toThrow("no tag of this commit");
});

test("the predefined variables of a job", () => {
  const predefined = variablesOf("push");
  const declared = parsePipeline({
    "Test it": {
      script: ["x"],
      parallel: 2,
      when: "manual",
      environment: { name: "review/$CI_COMMIT_REF_SLUG", url: "https://$CI_ENVIRONMENT" },
    },
  });
  const [, job] = planPipeline(declared, {
    ...{ ref: "x", kind: "branch", source: "push", projectPath: "a/b" },
    ...{ files: [], changedFiles: [], changedSince: {}, predefined, pinned: {} },
  }).jobs;
  if (job === undefined) throw new Error("there is no job");
  const variables = jobVariables({
    job,
    pipeline: predefined,
    jobId: "5",
    startedAt: "now",
    timeoutSeconds: 60,
    image: "trixie",
    buildsDirectory: "/builds",
    architecture: "x64",
  });
  expect(variables).toMatchObject({
    CI_ENVIRONMENT_NAME: "review/feature-topic",
    CI_JOB_GROUP_NAME: "Test it",
    CI_JOB_IMAGE: "trixie",
    CI_JOB_MANUAL: "true",
    CI_JOB_NAME: "Test it 2/2",
    CI_JOB_NAME_SLUG: "test-it-2-2",
    CI_JOB_STAGE: "test",
    CI_JOB_TIMEOUT: "60",
    CI_NODE_INDEX: "2",
    CI_NODE_TOTAL: "2",
    CI_PROJECT_DIR: "/builds/a/b/App",
  });
});

test.each([
  ["lines", "A=1\nexport B='two words'\n# note\n", { A: "1", B: "two words" }, {}],
  ["YAML", "A: 1\nB: { value: x, type: env_var }\n", { A: "1", B: "x" }, {}],
  ["raw", "A: { value: '$B', raw: true }\n", { A: "$$B" }, {}],
  ["a file", 'A: { value: "two\\nlines", type: file }\n', {}, { A: "two\nlines" }],
  ["nothing", "", {}, {}],
])("a file of variables: %s", (_title, text, variables, files) => {
  expect(parseVariablesFile(text)).toEqual({ variables, files } as never);
});

test.each(["A-B: 1\n", "A: { value: 1, tpye: file }\n", "A: [1]\n"])(
  "%p is no file of variables",
  (text) => {
    expect(() => parseVariablesFile(text)).toThrow();
  },
);
