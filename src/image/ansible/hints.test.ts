import { expect, test } from "bun:test";
import { hintsFor } from "./hints.ts";

// As ansible-core 2.14 to 2.21, dash and bash say it.
test.each([
  ['"module_stdout": "/bin/sh: 1: sudo: not found\\r\\n"', "The image has no sudo."],
  ["/bin/bash: line 1: sudo: command not found", "The image has no sudo."],
  ["/bin/sh: su: not found", "The image has no su:"],
  [
    "Failed to set permissions on the temporary files Ansible needs to create when becoming an unprivileged user",
    "Add acl",
  ],
  ["[Errno 30] Read-only file system: b'/srv/x'", "What a task does on the host"],
  ["ERROR! Attempting to decrypt but no vault secrets found", "Name a file with the password"],
])("%s", (words, hint) => {
  expect(hintsFor(words)).toEqual([expect.stringContaining(hint)]);
});

test("of what nobody knows nothing is said", () => {
  expect(hintsFor("it does not work")).toEqual([]);
});
