import { expect, test } from "bun:test";
import { parsePipeline } from "./declared-pipeline.ts";
import { planPipeline } from "./plan-pipeline.ts";
import type { RuleFacts } from "./rules.ts";

const FACTS: RuleFacts = {
  ref: "main",
  kind: "branch",
  source: "push",
  projectPath: "group/app",
  files: ["README.md", "src/a/b.c", "docs/index.md"],
  changedFiles: ["src/a/b.c", ".hidden/file"],
  changedSince: { main: ["docs/index.md"] },
};

const PREDEFINED = { CI_COMMIT_BRANCH: "main", CI_PIPELINE_SOURCE: "push" };

/** How the job is in the pipeline; nothing when it is not. */
function whenOf(job: object, facts: Partial<RuleFacts> = {}): string | undefined {
  const declared = parsePipeline({ j: { script: ["x"], ...job } });
  const all = { ...FACTS, predefined: PREDEFINED, pinned: {}, ...facts };
  return planPipeline(declared, all).jobs[0]?.when;
}

const TAG = { kind: "tag", ref: "v1", changedFiles: undefined } as const;
const MERGE_REQUEST = { kind: "merge_request", source: "merge_request_event" } as const;

test.each([
  ["a rule that matches", { rules: [{ if: "$CI_COMMIT_BRANCH" }] }, "on_success"],
  ["none that matches", { rules: [{ if: "$CI_COMMIT_TAG" }] }, undefined],
  ["no rules at all in the list", { rules: [] }, undefined],
  ["never", { rules: [{ when: "never" }] }, undefined],
  ["the first decides", { rules: [{ when: "manual" }, { when: "always" }] }, "manual"],
  ["the job's own when", { when: "manual", rules: [{ if: "$CI_COMMIT_BRANCH" }] }, "manual"],
  ["both conditions", { rules: [{ if: "$CI_COMMIT_TAG", exists: ["README.md"] }] }, undefined],
  ["exists", { rules: [{ exists: ["*.md"] }] }, "on_success"],
  ["exists, below", { rules: [{ exists: ["**/*.c"] }] }, "on_success"],
  ["exists, as a map", { rules: [{ exists: { paths: ["nothing"] } }] }, undefined],
  ["changes", { rules: [{ changes: ["src/**/*"] }] }, "on_success"],
  ["changes, as a map", { rules: [{ changes: { paths: ["docs/*"] } }] }, undefined],
  ["changes: a star stays in its directory", { rules: [{ changes: ["src/*"] }] }, undefined],
  ["changes: two stars at the end are one", { rules: [{ changes: ["src/**"] }] }, undefined],
  ["changes: alternatives", { rules: [{ changes: ["src/a/*.{h,c}"] }] }, "on_success"],
  ["changes: hidden files", { rules: [{ changes: ["*/file"] }] }, "on_success"],
  ["changes: a mark at the beginning is a letter", { rules: [{ changes: ["!x"] }] }, undefined],
  [
    "changes: by a variable",
    { variables: { DIR: "src" }, rules: [{ changes: ["$DIR/**/*.c"] }] },
    "on_success",
  ],
  [
    "changes: compared with a branch",
    { rules: [{ changes: { paths: ["docs/*"], compare_to: "main" } }] },
    "on_success",
  ],
  ["only a branch", { only: ["main"] }, "on_success"],
  ["only another", { only: ["other"] }, undefined],
  ["only a pattern", { only: ["/^ma/"] }, "on_success"],
  ["only tags", { only: ["tags"] }, undefined],
  ["only pushes", { only: ["pushes"] }, "on_success"],
  ["only schedules", { only: { refs: ["schedules"] } }, undefined],
  ["only of this project", { only: ["main@group/app"] }, "on_success"],
  ["only of another project", { only: ["main@group/fork"] }, undefined],
  [
    "only variables",
    { only: { variables: ["$CI_COMMIT_TAG", "$CI_COMMIT_BRANCH"] } },
    "on_success",
  ],
  ["only changes", { only: { changes: ["docs/*"] } }, undefined],
  ["only with a cluster", { only: { kubernetes: "active" } }, undefined],
  ["except with a cluster", { except: { kubernetes: "active" } }, "on_success"],
  ["except", { except: ["branches"] }, undefined],
  ["except others", { except: ["tags"] }, "on_success"],
  ["a manual job", { when: "manual" }, "manual"],
])("%s", (_title, job, when) => {
  expect(whenOf(job)).toBe(when);
});

test.each([
  ["a plain job, by a tag", {}, TAG, "on_success"],
  ["changes, which a tag has not", { rules: [{ changes: ["nothing"] }] }, TAG, "on_success"],
  ["only tags, by a tag", { only: ["tags"] }, TAG, "on_success"],
  ["a plain job, by a merge request", {}, MERGE_REQUEST, undefined],
  ["rules, by a merge request", { rules: [{ when: "always" }] }, MERGE_REQUEST, "always"],
  ["only merge requests", { only: ["merge_requests"] }, MERGE_REQUEST, "on_success"],
])("%s", (_title, job, facts, when) => {
  expect(whenOf(job, facts)).toBe(when);
});

test.each([
  [{ rules: [{ changes: { paths: ["x"], compare_to: "gone" } }] }, 'compares with "gone"'],
  [{ rules: [{ exists: { paths: ["x"], project: "a/b" } }] }, 'files of the project "a/b"'],
])("what cannot be told here is said: %p", (job, text) => {
  expect(() => whenOf(job)).toThrow(text);
});
