import { expect, test } from "bun:test";
import fc from "fast-check";
import { isTrue } from "./expression.ts";

const VARIABLES = {
  CI_COMMIT_BRANCH: "feature/One",
  CI_DEFAULT_BRANCH: "main",
  EMPTY: "",
  BLANK: "  ",
  NO: "false",
  PATTERN: "/^feature/",
  TEXT: "feature",
  CALL: "$(touch /x)",
};

test.each([
  // Presence.
  ["$CI_COMMIT_BRANCH", true],
  ["$MISSING", false],
  ["$EMPTY", false],
  ["$BLANK", false],
  ["$NO", true],
  ["null", false],
  ["true", true],
  ['"text"', true],
  // Comparison.
  ['$CI_COMMIT_BRANCH == "feature/One"', true],
  ["$CI_COMMIT_BRANCH == 'feature/One'", true],
  ["$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH", false],
  ["$CI_COMMIT_BRANCH != $CI_DEFAULT_BRANCH", true],
  ["$MISSING == null", true],
  ["$EMPTY == null", false],
  ['$EMPTY == ""', true],
  ['$MISSING == ""', false],
  ["null == $MISSING", true],
  ['$NO == "false"', true],
  ["$NO == false", false],
  // Patterns: RE2, with GitLab's flags.
  ["$CI_COMMIT_BRANCH =~ /^feature/", true],
  ["$CI_COMMIT_BRANCH =~ /ONE$/", false],
  ["$CI_COMMIT_BRANCH =~ /ONE$/i", true],
  ["$CI_COMMIT_BRANCH !~ /^feature/", false],
  ["$CI_COMMIT_BRANCH =~ /^feature\\/[A-Z]/", true],
  ["$CI_COMMIT_BRANCH =~ $PATTERN", true],
  ["$CI_COMMIT_BRANCH !~ $PATTERN", false],
  ["$MISSING =~ /x/", false],
  ["$MISSING !~ /x/", true],
  ["$CI_COMMIT_BRANCH =~ $MISSING", false],
  ["$CI_COMMIT_BRANCH !~ $MISSING", true],
  // What is no pattern makes the whole of it false.
  ["$CI_COMMIT_BRANCH =~ $TEXT", false],
  ["$CI_COMMIT_BRANCH =~ $TEXT || true", false],
  // No look-ahead in RE2.
  ["$CI_COMMIT_BRANCH =~ /(?=f)/", false],
  // Precedence, and Ruby's truth of an empty text.
  ["$MISSING && $MISSING || $CI_COMMIT_BRANCH", true],
  ["$CI_COMMIT_BRANCH || $MISSING && $MISSING", true],
  ["($CI_COMMIT_BRANCH || $MISSING) && $MISSING", false],
  ["$EMPTY || $CI_COMMIT_BRANCH", false],
  ["$EMPTY && $CI_COMMIT_BRANCH", true],
  ['$CI_COMMIT_BRANCH == "x" || $CI_DEFAULT_BRANCH == "main"', true],
  ["  $CI_COMMIT_BRANCH\n  &&\n  $CI_DEFAULT_BRANCH  ", true],
  // Values are values.
  ['$CALL == "$(touch /x)"', true],
  ['"$CI_COMMIT_BRANCH" == "feature/One"', false],
])("%s is %p", (expression, expected) => {
  expect(isTrue(expression, VARIABLES)).toBe(expected);
});

test.each([
  "${CI_COMMIT_BRANCH}",
  "$A =",
  "$A == ",
  "($A",
  "$A)",
  "$A $B",
  "process.exit(1)",
  "(() => { for (;;); })()",
  "",
  `$A${" || $A".repeat(100)}`,
])("%p is no expression", (expression) => {
  expect(() => isTrue(expression, {})).toThrow("is not an expression that GitLab knows");
});

test("a pattern takes no longer than its text is long", () => {
  const startedAt = performance.now();
  expect(isTrue("$A =~ /^(a+)+$/", { A: `${"a".repeat(20_000)}!` })).toBe(false);
  expect(performance.now() - startedAt).toBeLessThan(5000);
});

test("any text is an expression or none, and never runs", () => {
  const words = [
    "$A",
    "'x'",
    "/a/",
    "(",
    ")",
    "&&",
    "||",
    "==",
    "=~",
    "!~",
    "null",
    "process",
    " ",
  ];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...words)), (parts) => {
      try {
        expect(typeof isTrue(parts.join(" "), { A: "/a/" })).toBe("boolean");
      } catch (error) {
        expect((error as Error).message).toContain("is not an expression");
      }
    }),
  );
});
