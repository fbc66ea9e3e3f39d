import { expect, test } from "bun:test";
import fc from "fast-check";
import * as v from "valibot";
import { command } from "./command.ts";
import { createSchema, creatorOf } from "./creators.ts";
import { factsOf, faultsOf, planOf } from "./testing.ts";

test("a text is a script for bash, in a file", () => {
  expect(planOf({ command: 'cp -a /srv/base/. "$1"\necho done' })).toMatchInlineSnapshot(`
    "write /scratch/create.sh (mode 600):
      | cp -a /srv/base/. "$1"
      | echo done
    in /defs: NSPAWN_RUNNER_TARGET=/tree NSPAWN_RUNNER_IMAGE=trixie NSPAWN_RUNNER_WORK=/scratch NSPAWN_RUNNER_DEFINITION_DIRECTORY=/defs bash -euo pipefail /scratch/create.sh /tree"
  `);
  expect(factsOf({ command: "true" })).toMatchInlineSnapshot(`
    {
      "inputs": [],
      "installsPackages": false,
      "parent": undefined,
      "rolling": true,
      "tools": "bash:bash",
    }
  `);
});

test("a list is a program and its arguments; a relative path begins at the definition", () => {
  expect(planOf({ command: ["./make image", "--size", "small one"] })).toMatchInlineSnapshot(
    `"in /defs: NSPAWN_RUNNER_TARGET=/tree NSPAWN_RUNNER_IMAGE=trixie NSPAWN_RUNNER_WORK=/scratch NSPAWN_RUNNER_DEFINITION_DIRECTORY=/defs '/defs/make image' --size 'small one' /tree"`,
  );
  expect(factsOf({ command: ["bin/make"] }).inputs).toEqual(["/defs/bin/make"]);
});

test("a program without a slash is looked for in PATH, and is no input", () => {
  expect(planOf({ command: ["mkroot"] })).toEndWith(" mkroot /tree");
  expect(factsOf({ command: ["mkroot"] }).inputs).toEqual([]);
});

test.each([
  ["an empty text", " ", "create.command must be a text that is not empty"],
  ["an empty list", [], "create.command.0 must be a program"],
  ["a number among the arguments", ["x", 1], "create.command.1 must be a text"],
  ["an empty program", [""], "create.command.0 must be a program"],
  [
    "a mapping",
    { run: "x" },
    "create.command must be a text for the shell, or a list of a program and its arguments",
  ],
])("%s is refused", (_title, value, fault) => {
  expect(faultsOf({ command: value })).toBe(fault);
});

test("no text of the definition is changed on its way, or becomes part of a shell's command line", () => {
  const text = fc.string({ unit: "binary" }).filter((it) => /\S/.test(it) && !it.includes("\0"));
  const context = { tree: "/t", work: "/w", packages: [], directory: "/d", name: "n" };
  fc.assert(
    fc.property(text, fc.array(text), (script, args) => {
      const shell = v.parse(command.schema, script);
      expect(command.plan(shell, context)).toMatchObject([
        { kind: "write", path: "/w/create.sh", text: script },
        { argv: ["bash", "-euo", "pipefail", "/w/create.sh", "/t"] },
      ]);
      const list = v.parse(createSchema, { command: ["prog", ...args] });
      expect(creatorOf(list).plan(list.options, context)).toMatchObject([
        { argv: ["prog", ...args, "/t"] },
      ]);
    }),
  );
});
