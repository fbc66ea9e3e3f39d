import { expect, test } from "bun:test";
import fc from "fast-check";
import { artifactsScript, userScript } from "./job-scripts.ts";
import { chooseJob, parsePipeline } from "./pipeline.ts";
import { expandText, expandVariables } from "./variables.ts";

test.each([
  [
    { A: "1", B: "$A-x", C: "${B}!" },
    { A: "1", B: "1-x", C: "1-x!" },
  ],
  [{ PRICE: "$$5" }, { PRICE: "$5" }],
  [{ A: "$MISSING." }, { A: "." }],
  [
    { A: "$B", B: "$A" },
    { A: "", B: "" },
  ],
])("%p expands", (variables, expanded) => {
  expect(expandVariables(variables as Record<string, string>)).toEqual(
    expanded as Record<string, string>,
  );
});

test.each([
  ["$DISTRO-ci", "trixie-ci"],
  ["${DISTRO}", "trixie"],
  ["$NEXT", "trixie"],
  ["plain", "plain"],
])("the name of an image, %p, is expanded", (image, name) => {
  expect(expandText(image, { DISTRO: "trixie", NEXT: "$DISTRO" })).toBe(name);
});

test("a resolved pipeline", () => {
  const jobs = parsePipeline({
    stages: ["test"],
    variables: { A: 1 },
    ".hidden": { script: ["no"] },
    test: {
      stage: "test",
      image: { name: "trixie" },
      before_script: ["one"],
      script: "two",
      after_script: [["three", "four"]],
      artifacts: { paths: ["x"] },
    },
  });
  expect(jobs).toEqual([
    {
      name: "test",
      stage: "test",
      image: "trixie",
      variables: { A: "1" },
      script: ["one", "two"],
      afterScript: ["three", "four"],
      services: 0,
      artifacts: ["x"],
    },
  ]);
  expect(chooseJob(jobs, undefined).name).toBe("test");
  expect(() => chooseJob(jobs, "tost")).toThrow('There is no job "tost".');
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
  [
    "more jobs than there may be",
    Object.fromEntries(Array.from({ length: 10_001 }, (_, index) => [`j${index}`, {}])),
    "10001 jobs",
  ],
])("what a parser may send, taken over by its input: %s is refused", (_title, sent, text) => {
  expect(() => parsePipeline(sent)).toThrow(text);
});

test.each([
  [true, { A: "1", B: "2" }],
  [false, {}],
  [["B"], { B: "2" }],
])("inherit: variables: %p", (wanted, expected) => {
  const pipeline = { variables: { A: 1, B: 2 }, j: { inherit: { variables: wanted } } };
  expect(parsePipeline(pipeline)[0]?.variables).toEqual(expected as Record<string, string>);
});

test("values of variables reach the job as they are, whatever is in them", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.string().filter((text) => !text.includes("\0")),
      async (value) => {
        const lines = [`printf '<%s>' "$V"`];
        const script = userScript("bash", { directory: "/", variables: { V: value }, lines });
        const child = Bun.spawn(["bash", "-c", script], { stdout: "pipe" });
        const printed = await new Response(child.stdout).text();
        expect(printed).toContain(`<${value}>`);
      },
    ),
    { numRuns: 30 },
  );
});

test("paths of artifacts are patterns, never commands", () => {
  const script = artifactsScript("sh", {
    directory: "/b",
    paths: ["out/*.txt", "a b;$(touch /x)"],
  });
  expect(script).toContain("for found in out/*.txt a\\ b\\;\\$\\(touch\\ /x\\); do");
});
