import { expect, test } from "bun:test";
import fc from "fast-check";
import { artifactsScript, userScript } from "./job-scripts.ts";
import { chooseJob, parsePipeline } from "./pipeline.ts";
import { expandVariables } from "./variables.ts";

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

test("a resolved pipeline", () => {
  const jobs = parsePipeline(`
stages: [test]
variables: { A: 1 }
.hidden: { script: [no] }
test:
  stage: test
  image: { name: trixie }
  before_script: [one]
  script: two
  after_script: [[three, four]]
  artifacts: { paths: [x] }
`);
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
  expect(script).toContain("-- out/*.txt a\\ b\\;\\$\\(touch\\ /x\\) | base64");
});
