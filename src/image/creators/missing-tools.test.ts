import { expect, test } from "bun:test";
import { formatError } from "../../text/format-error.ts";
import { missingTools } from "./missing-tools.ts";

const TOOLS = [
  { command: "skopeo", debian: "skopeo" },
  { command: "umoci", debian: "umoci" },
  { command: "pacman", debian: "pacman-package-manager" },
  { command: "pacman-key", debian: "pacman-package-manager" },
  { command: "apk", debian: undefined, hint: "Debian has no apk." },
];

test("nothing is missing", () => {
  expect(missingTools("x", TOOLS, () => true)).toBeUndefined();
});

test.each([
  [
    "one",
    ["umoci"],
    'ERROR: Cannot create the image "x": this host has no "umoci".\nHint: Install it: apt-get install umoci',
  ],
  [
    "two of one package",
    ["pacman", "pacman-key"],
    'ERROR: Cannot create the image "x": this host has no "pacman", "pacman-key".\nHint: Install it: apt-get install pacman-package-manager',
  ],
  [
    "one that Debian has not, beside another",
    ["skopeo", "apk"],
    'ERROR: Cannot create the image "x": this host has no "skopeo", "apk".\nHint: Install it: apt-get install skopeo\nHint: Debian has no apk.',
  ],
])("%s is told with its package", (_title, missing, text) => {
  const error = missingTools("x", TOOLS, (command) => !missing.includes(command));
  expect(formatError(error, { debug: false })).toBe(text);
});
