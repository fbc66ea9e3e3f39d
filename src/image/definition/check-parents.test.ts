import { expect, test } from "bun:test";
import { parseImageName } from "../../text/names.ts";
import { checkParents } from "./check-parents.ts";
import { formatFinding } from "./finding.ts";

test.each<[title: string, parents: [string, string | undefined][], ...findings: string[]]>([
  ["none", [["a", undefined]]],
  [
    "a definition",
    [
      ["a", "b"],
      ["b", undefined],
    ],
  ],
  ["an image without a definition", [["a", "plain"]]],
  [
    "nothing that is known",
    [["a", "x"]],
    'a.yaml:3:9: warning: it extends "x", which neither is an image nor has a valid definition',
  ],
  ["itself", [["a", "a"]], 'a.yaml:3:9: it extends itself: "a" from "a"'],
  [
    "a circle, and one that leads into it",
    [
      ["a", "b"],
      ["b", "c"],
      ["c", "b"],
    ],
    'b.yaml:3:9: it extends itself: "b" from "c" from "b"',
    'c.yaml:3:9: it extends itself: "c" from "b" from "c"',
  ],
])("what extends %s", (_title, parents, ...findings) => {
  const children = parents.map(([name, parent]) => {
    const place = { path: `${name}.yaml`, line: 3, column: 9 };
    return { name: parseImageName(name), parent, place };
  });
  expect(checkParents(children, (name) => name === "plain").map(formatFinding)).toEqual(findings);
});
