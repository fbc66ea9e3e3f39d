import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { openFiles } from "../../host/files.ts";
import { findRequirements } from "./requirements.ts";

let directory = "";
beforeEach(() => {
  directory = realpathSync(mkdtempSync(`${tmpdir()}/requirements-`));
});
afterEach(() => rmSync(directory, { recursive: true }));

const write = (name: string, text: string): void => writeFileSync(`${directory}/${name}`, text);
const find = () =>
  findRequirements({ files: openFiles(), environment: {} }, { rootDirectory: "/r", directory });

test("a definition without them has none", () => {
  expect(find()).toBeUndefined();
});

test.each(["requirements.yml", "requirements.yaml"])("those of %s are kept by its text", (name) => {
  write(name, "roles: [{name: geerlingguy.ntp, version: 3.0.0}]\n");
  const first = find();
  expect(first).toEqual({
    path: `${directory}/${name}`,
    kept: expect.stringMatching(/^\/r\/\.requirements\/[0-9a-f]{32}$/),
  });
  expect(find()).toEqual(first);
  write(name, "roles: [{name: geerlingguy.ntp, version: 3.0.1}]\n");
  expect(find()?.kept).not.toBe(first?.kept);
});

test.each([
  ["a path", (file: string) => `- {src: "${file}", name: far}\n`],
  ["an address", (file: string) => `- src: file://${file}\n  name: far\n`],
  ["a relative path", () => "collections:\n  - name: ./far.tar.gz\n    type: file\n"],
])("a file that %s names counts too", (_, text) => {
  write("requirements.yml", text(`${directory}/far.tar.gz`));
  write("far.tar.gz", "one");
  const first = find();
  write("far.tar.gz", "two");
  expect(find()?.kept).not.toBe(first?.kept);
});
