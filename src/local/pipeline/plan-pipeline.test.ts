/** A table of keywords: what stands in a file, and what the pipeline is by it. */
import { describe, expect, test } from "bun:test";
import { checkNames, chooseJobs } from "./choose-jobs.ts";
import { parsePipeline } from "./declared-pipeline.ts";
import { formatJobs } from "./format-jobs.ts";
import { artifactSourcesOf, predecessorsOf } from "./needs.ts";
import { leftOut, refuseWhatIsNotHere } from "./not-here.ts";
import { type Pipeline, type PipelineJob, planPipeline } from "./plan-pipeline.ts";

function plan(file: Record<string, unknown>, pinned: Record<string, string> = {}): Pipeline {
  return planPipeline(parsePipeline(file), {
    ref: "main",
    kind: "branch",
    source: "push",
    projectPath: "group/app",
    files: [],
    changedFiles: [],
    changedSince: {},
    predefined: { CI_COMMIT_BRANCH: "main" },
    pinned,
  });
}

/** The job "j" of a file with this one alone. */
function job(keywords: object, top: object = {}, pinned = {}): PipelineJob {
  const [first] = plan({ ...top, j: { script: ["x"], ...keywords } }, pinned).jobs;
  if (first === undefined) throw new Error("there is no job");
  return first;
}

const JOB = { script: ["x"] };

test.each([
  ["of all jobs", { variables: { A: 1, B: true, C: null } }, {}, { A: "1", B: "true", C: "" }],
  ["a job's go before", { variables: { A: "1" } }, { variables: { A: "2" } }, { A: "2" }],
  ["with a description alone", { variables: { A: { description: "x" } } }, {}, { A: "" }],
  ["that is called so", { variables: { A: "undefined" } }, {}, { A: "undefined" }],
  ["inherit: true", { variables: { A: "1" } }, { inherit: { variables: true } }, { A: "1" }],
  ["inherit: false", { variables: { A: "1" } }, { inherit: { variables: false } }, {}],
  [
    "inherit: some",
    { variables: { A: "1", B: "2" } },
    { inherit: { variables: ["B"] } },
    { B: "2" },
  ],
  [
    "rules: variables go before",
    { variables: { A: "1" } },
    {
      variables: { A: "2" },
      rules: [{ if: "$CI_COMMIT_BRANCH", variables: { A: "3", B: "$A" } }],
    },
    { A: "3", B: "$A" },
  ],
  ["of a rule that does not match", {}, { rules: [{ if: "$X", variables: { A: "1" } }, {}] }, {}],
  [
    "workflow: rules: variables",
    {
      variables: { A: "1" },
      workflow: { rules: [{ if: "$CI_COMMIT_BRANCH", variables: { A: "2" } }] },
    },
    {},
    { A: "2" },
  ],
  [
    "that are not to be expanded",
    {},
    { rules: [{ variables: { A: { value: "$X", expand: false } } }] },
    { A: "$$X" },
  ],
  ["matrix", {}, { parallel: { matrix: [{ A: "m" }] }, variables: { A: "j" } }, { A: "m" }],
])("variables %s", (_title, top, keywords, expected) => {
  expect(job(keywords, top).variables).toEqual(expected as Record<string, string>);
});

test("variables of the caller go before all others", () => {
  const rules = [{ if: '$A == "mine"', variables: { A: "rule" } }];
  expect(job({ rules, variables: { A: "job" } }, {}, { A: "mine" }).variables).toEqual({
    A: "mine",
  });
});

test.each([
  ["nothing", {}, ["j"]],
  ["a number", { parallel: 3 }, ["j 1/3", "j 2/3", "j 3/3"]],
  [
    "a matrix",
    { parallel: { matrix: [{ A: ["a", "b"], B: ["1", "2"] }, { A: "c" }] } },
    ["j: [a, 1]", "j: [a, 2]", "j: [b, 1]", "j: [b, 2]", "j: [c]"],
  ],
])("parallel: %s", (_title, keywords, names) => {
  const { jobs } = plan({ j: { ...JOB, ...keywords } });
  expect(jobs.map(({ name }) => name)).toEqual(names);
  expect(jobs.map(({ copy }) => copy.total)).toEqual(names.map(() => names.length));
});

test("parallel: more than GitLab takes are refused before they are made", () => {
  const values = Array.from({ length: 100 }, (_, index) => String(index));
  const matrix = [Object.fromEntries("ABCDEFGH".split("").map((name) => [name, values]))];
  expect(() => plan({ j: { ...JOB, parallel: { matrix } } })).toThrow("is 10000000000000000 jobs");
});

test.each([
  ["by itself", {}, false],
  ["true", { allow_failure: true }, true],
  ["exit codes", { allow_failure: { exit_codes: [3, 4] } }, [3, 4]],
  ["one exit code", { allow_failure: { exit_codes: 3 } }, [3]],
  ["a manual job", { when: "manual" }, true],
  ["a manual job by a rule", { rules: [{ when: "manual" }] }, false],
  ["a rule's", { rules: [{ allow_failure: true }] }, true],
])("allow_failure: %s", (_title, keywords, expected) => {
  expect(job(keywords).allowFailure).toEqual(expected);
});

test.each([
  [{ retry: 2 }, { retry: { max: 2, when: ["always"], exit_codes: undefined } }],
  [{ retry: { max: 1, when: "script_failure" } }, { retry: { max: 1, when: ["script_failure"] } }],
  [{ timeout: "1h 30m" }, { timeout: 5400 }],
  [
    { script: "x", before_script: [["a", ["b"]]] },
    { script: ["x"], before_script: ["a", "b"] },
  ],
  [{ hooks: { pre_get_sources_script: "x" } }, { hooks: { pre_get_sources_script: ["x"] } }],
  [{ cache: { paths: ["a"] } }, { cache: [{ key: "default", paths: ["a"] }] }],
  [{ artifacts: { untracked: true } }, { artifacts: { untracked: true, when: "on_success" } }],
])("%p is read", (keywords, expected) => {
  expect(job(keywords).declared).toMatchObject(expected);
});

describe("default", () => {
  const top = { default: { retry: 2, timeout: "1m" } };

  test.each([
    ["inherited", {}, 60, 2],
    ["its own first", { timeout: "2m" }, 120, 2],
    ["inherit: default: false", { inherit: { default: false } }, undefined, undefined],
    ["inherit: default: some", { inherit: { default: ["timeout"] } }, 60, undefined],
  ])("%s", (_title, keywords, timeout, retries) => {
    const { declared } = job(keywords, top);
    expect([declared.timeout, declared.retry?.max]).toEqual([timeout, retries]);
  });

  test("so it was written before there was default", () => {
    const { declared } = job(
      {},
      { image: "trixie", before_script: "x", default: { image: "sid" } },
    );
    expect(declared).toMatchObject({ image: { name: "trixie" }, before_script: ["x"] });
  });
});

describe("needs, dependencies and stages", () => {
  const stages = ["build", "test"];
  const one = { ...JOB, stage: "build" };
  const matrix = { ...one, parallel: { matrix: [{ A: ["a", "b"] }] } };
  const file = (keywords: object) => ({
    stages,
    one,
    two: one,
    matrix,
    absent: { ...one, rules: [{ when: "never" }] },
    j: { ...JOB, stage: "test", ...keywords },
  });
  const BUILD = ["one", "two", "matrix: [a]", "matrix: [b]"];

  test.each([
    ["stages alone", {}, BUILD, BUILD],
    ["needs", { needs: ["one"] }, ["one"], ["one"]],
    ["no needs", { needs: [] }, [], []],
    ["needs without artifacts", { needs: [{ job: "one", artifacts: false }] }, ["one"], []],
    ["needs of all copies", { needs: ["matrix"] }, ["matrix: [a]", "matrix: [b]"], undefined],
    ["needs of one copy", { needs: ["matrix: [b]"] }, ["matrix: [b]"], undefined],
    [
      "needs: parallel",
      { needs: [{ job: "matrix", parallel: { matrix: [{ A: "b" }] } }] },
      ["matrix: [b]"],
      undefined,
    ],
    ["needs that may be absent", { needs: [{ job: "absent", optional: true }] }, [], []],
    ["needs of another project", { needs: [{ project: "a/b", job: "x" }] }, [], []],
    ["dependencies", { dependencies: ["two"] }, BUILD, ["two"]],
    ["no dependencies", { dependencies: [] }, BUILD, []],
    ["a rule's needs", { needs: ["one"], rules: [{ needs: ["two"] }] }, ["two"], ["two"]],
  ])("%s", (_title, keywords, predecessors, sources = predecessors) => {
    const pipeline = plan(file(keywords));
    const [last] = pipeline.jobs.slice(-1);
    if (last === undefined) throw new Error("there is no job");
    expect(predecessorsOf(pipeline, last).map(({ name }) => name)).toEqual(predecessors);
    expect(artifactSourcesOf(pipeline, last).map(({ name }) => name)).toEqual(sources);
  });

  test("needs: parallel may name the job's own matrix", () => {
    const own = { parallel: { matrix: [{ B: ["a", "b"] }] } };
    const needs = [{ job: "matrix", parallel: { matrix: [{ A: "$[[ matrix.B ]]" }] } }];
    const pipeline = plan(file({ ...own, needs }));
    const found = pipeline.jobs.slice(-2).map((each) => predecessorsOf(pipeline, each)[0]?.name);
    expect(found).toEqual(["matrix: [a]", "matrix: [b]"]);
  });

  test("of a job that is not there", () => {
    const pipeline = plan(file({ needs: ["absent"] }));
    const [last] = pipeline.jobs.slice(-1);
    expect(() => predecessorsOf(pipeline, last as PipelineJob)).toThrow(
      'The job "j" needs "absent", which is not in this pipeline: a rule says so.',
    );
  });
});

test.each([
  ["needs of none", { needs: ["none"] }, 'has "none" in "needs", and there is no such job'],
  ["dependencies of none", { dependencies: ["none"] }, 'has "none" in "dependencies"'],
  ["needs of no such copy", { needs: ["copies 3/2"] }, 'has "copies 3/2" in "needs"'],
  ["a rule's needs of none", { rules: [{ needs: ["none"] }] }, 'has "none" in "needs"'],
  ["needs of a later stage", { needs: ["late"] }, '"late" in "needs", which is of no earlier'],
  ["dependencies of the same stage", { dependencies: ["same"] }, "which is of no earlier stage"],
  ["no such stage", { stage: "tset" }, 'is in the stage "tset", which "stages" has not'],
])("%s are refused, whatever job is wanted", (_title, keywords, why) => {
  const jobs = {
    copies: { ...JOB, stage: "build", parallel: 2 },
    same: JOB,
    late: { ...JOB, stage: "deploy" },
  };
  expect(() => plan({ ...jobs, j: { ...JOB, ...keywords } })).toThrow(why);
});

test("needs that may be absent, and those of copies and of the same stage, are none to refuse", () => {
  const needs = [{ job: "none", optional: true }, "copies 2/2", "same"];
  const jobs = { copies: { ...JOB, stage: "build", parallel: 2 }, same: JOB };
  expect(() => plan({ ...jobs, j: { ...JOB, needs, dependencies: ["same"] } })).not.toThrow();
});

test("workflow: rules that make no pipeline leave no job", () => {
  const pipeline = plan({ workflow: { rules: [{ if: "$CI_COMMIT_TAG" }] }, j: JOB });
  expect(pipeline.jobs).toEqual([]);
  expect(() => chooseJobs(pipeline, ["j"])).toThrow("workflow: rules makes no such pipeline");
});

test("jobs are chosen by their names, and by that of all copies", () => {
  const pipeline = plan({ a: JOB, b: { ...JOB, parallel: 2 }, c: { ...JOB, only: ["tags"] } });
  const names = (...words: string[]) => chooseJobs(pipeline, words).map(({ name }) => name);
  expect(names("a")).toEqual(["a"]);
  expect(names("b")).toEqual(["b 1/2", "b 2/2"]);
  expect(names("b 2/2", "a")).toEqual(["b 2/2", "a"]);
  expect(() => names("c")).toThrow('The job "c" is not in this pipeline: only and except');
});

test("a name that nobody has is told before rules are looked at", () => {
  const declared = parsePipeline({ test: { ...JOB, rules: [{ if: "no expression" }] } });
  expect(() => checkNames(declared, ["tost"])).toThrow('There is no job "tost".');
  expect(() => checkNames(declared, ["test"])).not.toThrow();
});

test.each([
  ["a trigger", { trigger: { include: "child.yml" } }, "is a trigger of another pipeline"],
  ["a secret", { secrets: { PASSWORD: { vault: "a/b@c" } } }, "gets PASSWORD from GitLab"],
  ["a token", { id_tokens: { TOKEN: { aud: "x" } } }, "gets TOKEN from GitLab"],
])("%s cannot be had here", (_title, keywords, text) => {
  expect(() => refuseWhatIsNotHere(job(keywords), [])).toThrow(text);
});

test("a secret may be given by the caller", () => {
  const wanted = job({ secrets: { PASSWORD: { vault: "a/b@c" } } });
  expect(() => refuseWhatIsNotHere(wanted, ["PASSWORD"])).not.toThrow();
});

test.each([
  [{ release: { tag_name: "v1" } }, "No release is made"],
  [{ identity: "google_cloud" }, "no identity"],
  [{ needs: [{ project: "a/b", job: "x" }] }, 'Artifacts of "a/b" are not here'],
])("%p is left out, and said to be", (keywords, text) => {
  expect(leftOut(job(keywords)).join()).toContain(text);
});

test.each([
  [
    "a name that a shell would take for more",
    { variables: { "A=$(id)": "1" } },
    "names no variable",
  ],
  ["a zero byte in a script", { j: { script: ["a\0b"] } }, "zero byte"],
  ["a name of a job that is endless", { ["j".repeat(256)]: {} }, "name is too long"],
  ["escape sequences", { "\u001b[2J": { script: 1 } }, 'the job "\\x1b[2J"'],
  ["no pipeline at all", "x", "the file"],
  ["nothing", undefined, "the file"],
  ["a time that is none", { j: { timeout: "soon" } }, "no length of time"],
  [
    "more jobs than there may be",
    Object.fromEntries(Array.from({ length: 10_001 }, (_, index) => [`j${index}`, {}])),
    "10001 jobs",
  ],
])("what a parser may send, taken over by its input: %s is refused", (_title, sent, text) => {
  expect(() => parsePipeline(sent)).toThrow(text);
});

test("the jobs of a pipeline as a list", () => {
  const pipeline = plan({
    stages: ["build", "test", "deploy"],
    compile: { ...JOB, stage: "build" },
    unit: { ...JOB, parallel: 2, needs: ["compile"] },
    lint: { ...JOB, needs: [], allow_failure: true },
    ship: { ...JOB, stage: "deploy", when: "manual" },
    release: { ...JOB, only: ["tags"] },
    child: { stage: "deploy", trigger: { include: "x.yml" } },
  });
  expect(formatJobs(pipeline)).toMatchInlineSnapshot(`
    "build
      compile
    test
      unit 1/2  needs compile
      unit 2/2  needs compile
      lint      needs nothing; may fail
    deploy
      ship      manual; may fail
      child     a trigger, not run here
    Not in this pipeline:
      release: only and except leave it out
    "
  `);
});
