import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { openFiles } from "../../host/files.ts";
import type { CommandResult } from "../../host/processes.ts";
import { formatFinding } from "./finding.ts";
import { lintDefinitions } from "./lint-definitions.ts";

let top = "";
let said: string[] = [];
beforeEach(() => {
  top = realpathSync(mkdtempSync(`${tmpdir()}/definitions-`));
  said = [];
});
afterEach(() => rmSync(top, { recursive: true }));

const write = (path: string, text: string): void => writeFileSync(`${top}/${path}`, text);

/** Lints with an Ansible that answers so, or with none; paths are shown without the directory. */
async function lint(words: readonly string[], ansible?: string): Promise<string[]> {
  const commands: string[] = [];
  const run = async (argv: readonly string[]): Promise<CommandResult> => {
    commands.push(argv.join(" "));
    const stderr = ansible ?? "";
    return { argv, exitCode: 4, signal: undefined, stdout: "", stderr, durationMs: 1 };
  };
  if (ansible !== undefined) write("ansible-playbook", "");
  const { findings } = await lintDefinitions(
    {
      files: openFiles(),
      // Root's Ansible is in a sandbox: `test/lab/security/playbooks.test.ts`.
      userId: 1000,
      randomName: () => "x",
      environment: { PATH: ansible === undefined ? "" : `/nowhere:${top}` },
      processes: { run, which: () => undefined },
      log: { info: (text) => said.push(text) },
    },
    { directories: [top], rootDirectory: `${top}/root`, words },
  );
  said.push(...commands);
  return findings.map((finding) => formatFinding(finding).replaceAll(`${top}/`, ""));
}

const PLAY = "- hosts: all\n";
const FAULTY = "- hosts: all\n  vars: {nspawn_runner_user: 5}\n";

describe("what is linted", () => {
  beforeEach(() => {
    write("a.yaml", FAULTY);
    write("b.yaml", "- hosts: web\n");
    write("c d.yaml", PLAY);
  });
  const a = 'a.yaml:2:30: "nspawn_runner_user" must be text, but is the number 5: put it in quotes';
  const b =
    'b.yaml:1:10: this play is for nobody: there is one host, "b", in the group "nspawn_runner"; write "hosts: all"';

  test("all there are, misnamed files too", async () => {
    expect(await lint([])).toEqual([
      'c d.yaml:1:1: "c d" cannot be the name of an image: rename or hide the file',
      a,
      b,
    ]);
  });
  test("those that are named", async () => {
    expect(await lint(["b"])).toEqual([b]);
  });
  test("a file that is nowhere near", async () => {
    write("a.yml.txt", "");
    expect(await lint([`${top}/a.yaml`])).toEqual([a]);
  });
  test("a name with two files", async () => {
    write("b.yml", PLAY);
    expect((await lint(["b"]))[0]).toStartWith('b.yaml:1:1: "b" is defined twice');
  });
  test.each([
    ["a name without a definition", "aa", 'There is no definition of an image "aa".'],
    ["a file that is not there", "./x.yaml", 'There is no file "./x.yaml".'],
    ["a name that is none", "-x", '"-x" cannot be the name of an image'],
  ])("%s is an error", async (_title, word, message) => {
    await expect(lint([word])).rejects.toThrow(message);
  });
});

describe("Ansible", () => {
  beforeEach(() => {
    write("plain.yaml", PLAY);
    write("tasks.yaml", "- hosts: all\n  tasks: [{magic: }]\n");
  });
  test("is asked about definitions that need it", async () => {
    const stderr = `[ERROR]: couldn't resolve module/action 'magic'.\nOrigin: ${top}/tasks.yaml:2:12\n`;
    expect(await lint([], stderr)).toEqual([
      "tasks.yaml:2:12: Ansible says: couldn't resolve module/action 'magic'.",
    ]);
    expect(said).toEqual([
      `ansible-playbook --syntax-check --inventory=localhost, ${top}/tasks.yaml`,
    ]);
  });
  test("is not asked about a faulty one, nor about one that needs none", async () => {
    write("tasks.yaml", `${FAULTY}  tasks: [{debug: }]\n`);
    await lint([], "it was asked");
    expect(said).toEqual([]);
  });
  test("is missed aloud", async () => {
    expect(await lint([])).toEqual([]);
    expect(said).toEqual(["Ansible is not installed here, so tasks and roles were not looked at."]);
    expect(await lint(["plain"])).toEqual([]);
    expect(said).toHaveLength(1);
  });
});
