import { expect, test } from "bun:test";
import { formatEntry } from "./unit-journal.ts";

test.each([
  [
    "of systemd",
    { MESSAGE: "Failed with result 'exit-code'.", SYSLOG_IDENTIFIER: "systemd" },
    "Failed with result 'exit-code'.",
  ],
  [
    "of the machine's console, whatever it says it is",
    { MESSAGE: "ERROR: Cannot boot.", SYSLOG_IDENTIFIER: "nspawn-runner-console" },
    "On its console: ERROR: Cannot boot.",
  ],
  ["that is not text", { MESSAGE: [104, 233, 27, 33, 10] }, "hé\\x1b!"],
  ["that is too long", { MESSAGE: null }, "(a very long line)"],
])("a line %s", (_title, entry, expected) => {
  expect(formatEntry(JSON.stringify(entry))).toEqual([expected]);
});

test("an empty line is none", () => {
  expect(formatEntry("")).toEqual([]);
  expect(formatEntry(JSON.stringify({ MESSAGE: " " }))).toEqual([]);
});
