/** Dollars in values: each row is what Go 1.26's os.Expand, with GitLab Runner's names, made of it. */
import { expect, test } from "bun:test";
import { expand } from "./expand.ts";

const VALUES: Readonly<Record<string, string>> = { A: "one", B_2: "$A" };

test.each([
  ["no dollar", "no dollar"],
  ["$A ${A} $A_ ${A}_", "one one  one_"],
  ["$B_2", "$A"],
  ["$$A", "$A"],
  ["$1A ${1} $# $? $-", "A    "],
  ["$(touch x) $ $.", "$(touch x) $ $."],
  ["${A-b} ${} ${A", "  A"],
])("%p becomes %p", (text, expanded) => {
  expect(expand(text, (name) => VALUES[name])).toBe(expanded);
});
