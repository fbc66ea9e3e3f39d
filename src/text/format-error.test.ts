import { expect, test } from "bun:test";
import { RunnerError } from "./errors.ts";
import { formatCommand, formatCommandFailure } from "./format-command.ts";
import { formatError } from "./format-error.ts";
import { nearestName } from "./nearest.ts";

const quiet = { debug: false };

test("an error says what, why and what to do", () => {
  const error = new RunnerError({
    kind: "system",
    message: 'Cannot boot machine "job-17".',
    hints: ["Look at the journal."],
    cause: new Error("no space left on device"),
  });
  expect(formatError(error, quiet)).toBe(
    `ERROR: Cannot boot machine "job-17".\nWhy: no space left on device\nHint: Look at the journal.`,
  );
});

test("a fault of ours says so and shows its stack only with debug", () => {
  const fault = new TypeError("x is undefined");
  expect(formatError(fault, quiet)).toBe(
    "ERROR: Fault in nspawn-runner itself: x is undefined\nHint: run again with --debug and report what it prints.",
  );
  expect(formatError(fault, { debug: true })).toContain("format-error.test.ts");
});

test("when clean-up fails too, the first error comes first", () => {
  const both = new SuppressedError(
    new Error("clean-up"),
    new RunnerError({ kind: "job", message: "Body." }),
  );
  expect(formatError(both, quiet).split("\n")[0]).toBe("ERROR: Body.");
});

test("a failed command tells its last words", () => {
  expect(
    formatCommandFailure({
      argv: ["cp", "a b", "c"],
      exitCode: 1,
      signal: undefined,
      stderr: "cp: no such file\n",
      durationMs: 1234,
    }),
  ).toBe(`"cp 'a b' c" failed with exit status 1 after 1.2 s: cp: no such file`);
});

test.each([
  [["a", "b c"], "a 'b c'"],
  [["it's"], "'it'\\''s'"],
  [["--x=/a:b"], "--x=/a:b"],
  [[""], "''"],
])("%p pastes as %p", (argv, text) => {
  expect(formatCommand(argv)).toBe(text);
});

test.each([
  ["trixy", "trixie"],
  ["bokworm", "bookworm"],
  ["prepare", undefined],
])("the nearest to %p is %p", (word, near) => {
  expect(nearestName(word, ["trixie", "bookworm", "sid"])).toBe(near);
});
