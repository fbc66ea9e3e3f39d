import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { openFiles } from "../../host/files.ts";
import { parseImageName } from "../../text/names.ts";
import { findDefinitions, readDefinition } from "./find-definitions.ts";
import { formatFinding } from "./finding.ts";

const host = { files: openFiles() };
let top = "";
beforeEach(() => {
  top = realpathSync(mkdtempSync(`${tmpdir()}/definitions-`));
  mkdirSync(`${top}/etc`);
  mkdirSync(`${top}/root`);
});
afterEach(() => rmSync(top, { recursive: true }));

const PLAY = "- hosts: all\n";
const write = (path: string, text = PLAY): void => writeFileSync(`${top}/${path}`, text);
const directories = (): string[] => [`${top}/etc`, `${top}/root`];

/** Paths of definitions and findings as text, without the temporary directory. */
function find(): { files: string[]; findings: string[] } {
  const { definitions, findings } = findDefinitions(host, directories());
  const short = (text: string): string => text.replaceAll(`${top}/`, "");
  return {
    files: definitions.map(({ name, path }) => `${name} ${short(path)}`),
    findings: findings.map((finding) => short(formatFinding(finding))),
  };
}

function refusal(name: string): string {
  try {
    readDefinition(host, parseImageName(name), directories());
  } catch (error) {
    if (error instanceof Error && "hints" in error) {
      return `${error.message} ${String(error.hints)}`.replaceAll(`${top}/`, "");
    }
  }
  throw new Error("it was found");
}

test("directories that are not there have none", () => {
  rmSync(`${top}/etc`, { recursive: true });
  rmSync(`${top}/root`, { recursive: true });
  expect(find()).toEqual({ files: [], findings: [] });
  expect(refusal("web")).toBe(
    'There is no definition of an image "web". There are no definitions yet: write "etc/web.yaml".',
  );
});

test("both directories and both extensions are searched, sorted by name", () => {
  write("root/a.yaml");
  write("etc/c.yml");
  write("etc/b.yaml");
  expect(find()).toEqual({
    files: ["a root/a.yaml", "b etc/b.yaml", "c etc/c.yml"],
    findings: [],
  });
});

test("the first directory wins, and the other file is told of", () => {
  write("etc/a.yml");
  write("root/a.yaml");
  expect(find()).toEqual({
    files: ["a etc/a.yml"],
    findings: ['root/a.yaml:1:1: warning: this is not used: "etc/a.yml" comes before it'],
  });
});

test("one name with both extensions is an error that names both", () => {
  write("etc/a.yaml");
  write("etc/a.yml");
  write("root/a.yml");
  expect(find()).toEqual({
    files: [],
    findings: [
      'etc/a.yaml:1:1: "a" is defined twice, here and in "etc/a.yml": remove one of them',
      'root/a.yml:1:1: warning: this is not used: "etc/a.yaml" comes before it',
    ],
  });
  expect(refusal("a")).toContain('The definition of the image "a" cannot be used: etc/a.yaml:1:1');
});

test("a file that has no image's name is told of", () => {
  write("etc/my image.yaml");
  write("etc/-x.yml");
  expect(find()).toEqual({
    files: [],
    findings: [
      'etc/-x.yml:1:1: "-x" cannot be the name of an image: rename or hide the file',
      'etc/my image.yaml:1:1: "my image" cannot be the name of an image: rename or hide the file',
    ],
  });
});

test("what is no definition is passed over", () => {
  write("etc/.hidden.yaml");
  write("etc/config.toml", "");
  write("etc/notes.txt", "");
  mkdirSync(`${top}/etc/roles`);
  mkdirSync(`${top}/root/tree.yaml`);
  write("etc/requirements.yml", "- src: geerlingguy.docker\n");
  write("etc/vars.yaml", "a: 1\n");
  write("etc/main.yaml", "- debug:\n");
  write("etc/vault.yml", "$ANSIBLE_VAULT;1.1;AES256\n6162\n");
  expect(find()).toEqual({ files: [], findings: [] });
});

test("a playbook is a definition, whatever its name", () => {
  write("etc/main.yaml");
  write("etc/hosts.yaml", "- import_playbook: other.yaml\n");
  expect(find().files).toEqual(["hosts etc/hosts.yaml", "main etc/main.yaml"]);
});

test("a link is followed: relative paths begin where the file itself is", () => {
  mkdirSync(`${top}/checkout`);
  write("checkout/debian.yaml");
  symlinkSync("../checkout/debian.yaml", `${top}/etc/trixie.yaml`);
  expect(readDefinition(host, parseImageName("trixie"), directories())).toMatchObject({
    name: parseImageName("trixie"),
    path: `${top}/checkout/debian.yaml`,
    directory: `${top}/checkout`,
    text: PLAY,
  });
});

test("a link that leads nowhere, in a circle, or to a directory is told of", () => {
  symlinkSync("nowhere", `${top}/etc/a.yaml`);
  symlinkSync("b.yaml", `${top}/etc/b.yaml`);
  symlinkSync(".", `${top}/etc/c.yaml`);
  expect(find().findings).toEqual([
    "etc/a.yaml:1:1: this link leads to no file",
    "etc/b.yaml:1:1: this link leads to no file",
    "etc/c.yaml:1:1: this link leads to no file",
  ]);
});

test("a name that is not there is refused with the nearest and with all", () => {
  write("etc/trixie.yaml");
  write("etc/sid.yaml");
  expect(refusal("trixi")).toBe(
    'There is no definition of an image "trixi". Did you mean "trixie"?,The definitions are: sid, trixie.',
  );
});

test("faults of the file itself are told with file, line and column", () => {
  write("etc/a.yaml", "- hosts: all\n  vars: {nspawn_runner_user: 5, nspawn_runner_keep: x}\n");
  expect(refusal("a")).toBe(
    [
      'The definition "etc/a.yaml" cannot be used:',
      '  a.yaml:2:30: "nspawn_runner_user" must be text, but is the number 5: put it in quotes',
      '  a.yaml:2:53: "nspawn_runner_keep" must be a number or a map, but is the text "x" Mend it, then check it with "nspawn-runner chroot-lint a".',
    ].join("\n"),
  );
});
