import { describe, expect, test } from "bun:test";
import { checkDefinition } from "../image/definition/check-definition.ts";
import { RunnerError } from "../text/errors.ts";
import { parseImageName } from "../text/names.ts";
import { definitionLine, imageHints } from "./image-hint.ts";
import { formatEnd, isTriedAgain, type JobEnd, type RunEnd, verdictOf } from "./job-end.ts";
import { parsePipeline } from "./pipeline/declared-pipeline.ts";
import { formatSummary } from "./pipeline/format-summary.ts";
import { type PipelineJob, planPipeline } from "./pipeline/plan-pipeline.ts";
import { nextFor, type Scheduled, type State } from "./pipeline/schedule.ts";

function job(keywords: object): PipelineJob {
  const [planned] = planPipeline(parsePipeline({ j: { script: ["x"], ...keywords } }), {
    ...{ ref: "main", kind: "branch", source: "push", projectPath: "a/b", files: [] },
    ...{ changedFiles: [], changedSince: {}, predefined: {}, pinned: {} },
  }).jobs;
  if (planned === undefined) throw new Error("there is no job");
  return planned;
}

const exited = (code: number): RunEnd => ({ kind: "exited", code });
const LATE: RunEnd = { kind: "out of time" };
const CANCELLED: RunEnd = { kind: "cancelled" };
const notRun = (kind: "system" | "job" | "usage"): JobEnd => ({
  kind: "not run",
  error: new RunnerError({ kind, message: "Cannot." }),
});

test.each([
  ["success", {}, exited(0), "passed"],
  ["a failure", {}, exited(1), "failed"],
  ["an allowed one", { allow_failure: true }, exited(1), "failed, which is allowed"],
  [
    "an allowed code",
    { allow_failure: { exit_codes: [3] } },
    exited(3),
    "failed, which is allowed",
  ],
  ["another code", { allow_failure: { exit_codes: [3] } }, exited(4), "failed"],
  ["its time was over", { allow_failure: true }, LATE, "failed, which is allowed"],
  ["its cancellation", { allow_failure: true }, CANCELLED, "failed"],
  ["a code is no time", { allow_failure: { exit_codes: [3] } }, LATE, "failed"],
])("the verdict of %s", (_title, keywords, end, verdict) => {
  expect(verdictOf(job(keywords), end)).toBe(verdict as never);
});

test.each([
  ["no retry", {}, exited(1), 1, false],
  ["a success", { retry: 2 }, exited(0), 1, false],
  ["the first failure", { retry: 1 }, exited(1), 1, true],
  ["once is enough", { retry: 1 }, exited(1), 2, false],
  ["the second of two", { retry: 2 }, exited(1), 2, true],
  ["never more than twice", { retry: { max: 2 } }, exited(1), 3, false],
  ["its script's", { retry: { max: 1, when: "script_failure" } }, exited(1), 1, true],
  ["not the runner's", { retry: { max: 1, when: "runner_system_failure" } }, exited(1), 1, false],
  ["the runner's", { retry: { max: 1, when: "runner_system_failure" } }, notRun("system"), 1, true],
  ["the time's", { retry: { max: 1, when: ["job_execution_timeout"] } }, LATE, 1, true],
  ["of no meaning here", { retry: { max: 1, when: ["api_failure"] } }, exited(1), 1, false],
  ["a code", { retry: { max: 1, exit_codes: [3] } }, exited(3), 1, true],
  ["another code", { retry: { max: 1, exit_codes: [3] } }, exited(1), 1, false],
  ["what a person has to mend", { retry: 2 }, notRun("job"), 1, false],
])("retry: %s", (_title, keywords, end, tries, again) => {
  expect(isTriedAgain(job(keywords), end, tries)).toBe(again);
});

test.each([
  [{}, exited(0), "Job succeeded"],
  [{}, exited(3), "ERROR: Job failed: exit code 3"],
  [{ allow_failure: true }, exited(3), "ERROR: Job failed (allowed to fail): exit code 3"],
  [{}, LATE, "ERROR: Job failed: execution took longer than its timeout"],
  [{}, CANCELLED, "ERROR: Job failed: canceled"],
])("the last line of %p that ended with %p", (keywords, end, line) => {
  expect(formatEnd(job(keywords), end)).toBe(line);
});

describe("which of several jobs is next", () => {
  /** A job after those of these states. */
  function after(states: readonly (State | "manual, blocking")[], keywords: object, named = false) {
    const before = states.map((state, index): Scheduled => {
      const blocking = state === "manual, blocking";
      const planned = { ...job({ when: "manual", allow_failure: !blocking }), name: `b${index}` };
      return { job: planned, state: blocking ? "manual" : state, after: [], named: false };
    });
    const names = before.map((one) => one.job.name);
    const own: Scheduled = { job: job(keywords), state: "waiting", after: names, named };
    return nextFor(own, [...before, own]);
  }

  test.each([
    ["nothing before it", [], {}, "run"],
    ["all passed", ["passed", "passed"], {}, "run"],
    ["one runs", ["passed", "running"], {}, undefined],
    ["one waits", ["waiting"], {}, undefined],
    ["one failed", ["passed", "failed"], {}, "skip"],
    ["one failed, which is allowed", ["failed, which is allowed"], {}, "run"],
    ["one was skipped", ["skipped"], {}, "skip"],
    ["a manual one that blocks", ["manual, blocking"], {}, "skip"],
    ["a manual one that does not", ["manual"], {}, "run"],
    ["on_failure, and none failed", ["passed"], { when: "on_failure" }, "skip"],
    ["on_failure, and one failed", ["failed"], { when: "on_failure" }, "run"],
    ["always", ["failed", "skipped"], { when: "always" }, "run"],
    ["always, but not before its time", ["running"], { when: "always" }, undefined],
    ["manual", ["passed"], { when: "manual" }, "leave"],
    ["delayed", ["passed"], { when: "delayed", start_in: "1h" }, "run"],
  ] as const)("%s", (_title, states, keywords, next) => {
    expect(after(states, keywords)).toBe(next as never);
  });

  test("a manual job that a person has named runs", () => {
    expect(after(["passed"], { when: "manual" }, true)).toBe("run");
  });
});

test("what became of several jobs", () => {
  const rows = [
    { stage: "build", name: "compile", state: "passed", ms: 1234 },
    { stage: "test", name: "unit 1/2", state: "failed", ms: 65_000 },
    { stage: "test", name: "lint", state: "failed, which is allowed", ms: 500 },
    { stage: "deploy", name: "ship", state: "skipped", ms: undefined },
  ] as const;
  expect(formatSummary(rows)).toMatchInlineSnapshot(`
    "build   compile   passed             1.2 s
    test    unit 1/2  FAILED            65.0 s
    test    lint      failed (allowed)   0.5 s
    deploy  ship      skipped
    "
  `);
});

test.each([
  ["trixie", "{mmdebstrap: trixie}"],
  ["debian:bookworm-slim", "{mmdebstrap: bookworm}"],
  ["fedora:42", '{dnf: "42"}'],
  ["python:3.12", '{oci: "docker.io/library/python:3.12"}'],
])("the image %s that lacks would be made by one line", (name, create) => {
  const line = definitionLine(name) ?? "";
  expect(line).toContain(create);
  const path = `/srv/${name}.yaml`;
  const file = { name: parseImageName(name), path, realPath: path, directory: "/srv" };
  expect(checkDefinition(`${line}\n`, file)).toMatchObject({ kind: "valid" });
});

test("what can be no image's name is told", () => {
  expect(imageHints("registry.example.org/a/b:1").join()).toContain("names of registries are none");
});
