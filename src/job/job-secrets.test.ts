import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseJobSecrets } from "./job-secrets.ts";

test("masked variables, tokens and passwords are secrets, and short ones are none", () => {
  const job = {
    token: "glcbt-of-the-job",
    variables: [
      { key: "A", value: "masked-and-long", masked: true },
      { key: "B", value: "shown-and-long", masked: false },
      { key: "C", value: "short", masked: true },
      { key: "D", value: "masked-and-long", masked: true },
      null,
    ],
    credentials: [{ type: "registry", password: "pa55-of-registry" }],
    dependencies: [{ id: 1, token: "glcbt-of-dependency" }],
  };
  expect([...parseJobSecrets(job)].sort()).toEqual([
    "glcbt-of-dependency",
    "glcbt-of-the-job",
    "masked-and-long",
    "pa55-of-registry",
  ]);
});

test("one of another shape hides none of the others", () => {
  const job = { token: 7, variables: [{ value: "masked-and-long", masked: true }], credentials: 7 };
  expect(parseJobSecrets(job)).toEqual(["masked-and-long"]);
});

test("whatever comes, it is a list of texts", () => {
  fc.assert(
    fc.property(fc.anything(), (job) => {
      expect(parseJobSecrets(job).every((one) => one.length >= 8)).toBe(true);
    }),
  );
});
