import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname } from "node:path";
import { openFiles } from "../../host/files.ts";
import { parseImageName } from "../../text/names.ts";
import { checkUsedFiles } from "./check-used-files.ts";
import { parseDefinition } from "./parse-definition.ts";

let top = "";
beforeEach(() => {
  top = realpathSync(mkdtempSync(`${tmpdir()}/used-`));
});
afterEach(() => rmSync(top, { recursive: true }));

const LOCAL = "ansible_connection: local\n";
const include = "  tasks: [{include_vars: words.yml}, {include_tasks: more.yml}]\n";

test.each([
  [
    "a task of a role",
    "  roles: [x]\n",
    "roles/x/tasks/main.yml",
    `- ping:\n  vars: {${LOCAL.trim()}}\n`,
    "error 2:10",
  ],
  [
    "a keyword in a role",
    "  roles: [x]\n",
    "roles/x/tasks/main.yml",
    "- {ping: , connection: local}\n",
    "error 1:12",
  ],
  [
    "set_fact in a role",
    "  roles: [x]\n",
    "roles/x/handlers/main.yml",
    "- set_fact: ansible_connection=local\n",
    "error 1:13",
  ],
  ["a role's variables", "  roles: [x]\n", "roles/x/vars/main.yml", LOCAL, "error 1:1"],
  ["a role's defaults", "  roles: [x]\n", "roles/x/defaults/main.yml", LOCAL, "error 1:1"],
  ["variables of all", include, "group_vars/all.yml", LOCAL, "error 1:1"],
  ["variables of the image", include, "host_vars/web/a.yml", LOCAL, "error 1:1"],
  ["include_vars", include, "words.yml", LOCAL, "error 1:1"],
  ["include_tasks", include, "more.yml", "- {ping: , connection: local}\n", "error 1:12"],
  [
    "another playbook",
    "- import_playbook: site.yml\n",
    "site.yml",
    "- hosts: localhost\n",
    "error 1:10",
  ],
  [
    "its plays for nobody",
    "- import_playbook: site.yml\n",
    "site.yml",
    "- hosts: db\n",
    "error 1:10",
  ],
  [
    "a delegated task",
    "  roles: [x]\n",
    "roles/x/tasks/main.yml",
    "- {ping: , delegate_to: localhost}\n",
    "warning 1:3",
  ],
  ["variables of others", include, "group_vars/db.yml", LOCAL, ""],
  ["what is no YAML", include, "words.yml", "a: [\n", ""],
])("%s", (_title, more, path, text, found) => {
  const file = `${top}/web.yaml`;
  mkdirSync(dirname(`${top}/${path}`), { recursive: true });
  writeFileSync(`${top}/${path}`, text);
  const definition = parseDefinition(
    `- hosts: all\n  vars: {nspawn_runner_chroot_suite: trixie}\n${more}`,
    { name: parseImageName("web"), path: file, realPath: file, directory: top },
  );
  const findings = checkUsedFiles({ files: openFiles(), environment: {} }, definition).map(
    (one) => `${one.path} ${one.severity} ${one.line}:${one.column}`,
  );
  expect(findings).toEqual(found === "" ? [] : [`${top}/${path} ${found}`]);
});
