import { expect, test } from "bun:test";
import fc from "fast-check";
import { matchesGlob } from "./glob.ts";

test.each([
  ["group/app", "group/app", true],
  ["group/app", "group/apps", false],
  ["group/*", "group/app", true],
  ["group/*", "group/sub/app", false],
  ["group/**", "group/sub/app", true],
  ["group/**", "groups/app", false],
  ["group/**", "group", false],
  ["**/app", "group/sub/app", true],
  ["*", "", true],
  ["?", "/", false],
  ["v?.*", "v1.2", true],
  ["a.c", "abc", false],
  ["release-*-final", "release-1-2-final", true],
  ["ü?", "üß", true],
  ["?", "😀", true],
  ["[ab]", "a", false],
])("%s and %s: %p", (pattern, text, expected) => {
  expect(matchesGlob(pattern, text)).toBe(expected);
});

/** The same by a regular expression, whose time has no bound. */
function byExpression(pattern: string, text: string): boolean {
  const source = pattern.replaceAll(/\*\*+|./gsu, (token) => {
    if (token === "*") return "[^/]*";
    if (token.startsWith("*")) return "[\\s\\S]*";
    return token === "?" ? "[^/]" : token.replace(/[\\^$.|+()[\]{}/-]/, "\\$&");
  });
  return new RegExp(`^(?:${source})$`, "u").test(text);
}

test("it is what a regular expression says", () => {
  const words = fc.string({ unit: fc.constantFrom("a", "b", "/", "*", "?", "."), maxLength: 8 });
  fc.assert(
    fc.property(words, words, (pattern, text) => {
      expect(matchesGlob(pattern, text)).toBe(byExpression(pattern, text));
    }),
    { numRuns: 2000 },
  );
});

test("a long name and a pattern of many stars take no time to speak of", () => {
  expect(matchesGlob("*a".repeat(100), "a".repeat(1000).concat("b"))).toBe(false);
});
