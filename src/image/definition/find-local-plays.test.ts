import { describe, expect, test } from "bun:test";
import { parseImageName } from "../../text/names.ts";
import { checkDefinition } from "./check-definition.ts";

/** Severity, place and the first words of each finding. */
function findings(text: string): string[] {
  const checked = checkDefinition(text, {
    name: parseImageName("trixie"),
    path: "trixie.yaml",
    realPath: "/srv/trixie.yaml",
    directory: "/srv",
  });
  return (checked.kind === "valid" ? checked.definition.warnings : checked.faults).map(
    ({ severity, line, column, message }) =>
      `${severity} ${line}:${column} ${message.replace(/[:,].*/, "")}`,
  );
}

const play = (more: string): string => `- hosts: all\n${more}`;
const tasks = (task: string): string => play(`  tasks:\n    - ${task}\n`);

describe("a play or task that would leave the image is an error, with its place", () => {
  const local = "this play is for the host that builds";
  const keyword = '"connection';
  const variable = 'by "ansible_connection" tasks would run on the host that builds';
  test.each([
    ["localhost", "- hosts: localhost\n", `error 1:10 ${local}`],
    ["127.0.0.1", "- hosts: 127.0.0.1\n", `error 1:10 ${local}`],
    ["::1", "- hosts: '::1'\n", `error 1:10 ${local}`],
    ["a pattern", "- hosts: all,localhost\n", `error 1:10 ${local}`],
    ["a list", "- hosts: [all, localhost]\n", `error 1:10 ${local}`],
    ["a later play", `${play("")}- hosts: localhost\n`, `error 2:10 ${local}`],
    ["an alias", "- hosts: &x localhost\n- hosts: *x\n", `error 1:13 ${local}`],
    ["connection of a play", play("  connection: local\n"), `error 2:3 ${keyword}`],
    ["connection of a task", tasks("{ping: , connection: local}"), `error 3:16 ${keyword}`],
    ["of a block", tasks("{block: [{ping: }], connection: local}"), `error 3:27 ${keyword}`],
    ["of a role", play("  roles: [{role: x, connection: local}]\n"), `error 2:21 ${keyword}`],
    ["a variable", play("  vars: {ansible_connection: local}\n"), `error 2:10 ${variable}`],
    [
      "its long name",
      play("  vars: {ansible_connection: ansible.builtin.local}\n"),
      `error 2:10 ${variable}`,
    ],
    [
      "of a role's",
      play("  roles: [{role: x, ansible_connection: local}]\n"),
      `error 2:21 ${variable}`,
    ],
    ["of a task's", tasks("{ping: , vars: {ansible_connection: local}}"), `error 3:23 ${variable}`],
    ["set_fact", tasks("set_fact: {ansible_connection: local}"), `error 3:18 ${variable}`],
    ["set_fact in a line", tasks("set_fact: ansible_connection=local"), `error 3:17 ${variable}`],
    ["add_host", tasks("add_host: name=me ansible_connection=local"), `error 3:17 ${variable}`],
    ["a play for nobody", "- hosts: webservers\n", "error 1:10 this play is for nobody"],
    ["a later one", `${play("")}- hosts: all,!trixie\n`, "error 2:10 this play is for nobody"],
  ])("%s", (_title, text, finding) => {
    expect([...new Set(findings(text))]).toEqual([finding]);
  });
});

describe("what Ansible's users expect to run beside it is allowed, and said", () => {
  const beside = "this runs on the host that builds";
  test.each([
    ["delegate_to", tasks("{ping: , delegate_to: localhost}"), [`warning 3:7 ${beside}`]],
    [
      "with a connection",
      tasks(
        "{ping: , delegate_to: localhost, connection: local, vars: {ansible_connection: local}}",
      ),
      [`warning 3:7 ${beside}`],
    ],
    [
      "of a block",
      tasks("{block: [{ping: , connection: local}], delegate_to: 127.0.0.1}"),
      [`warning 3:7 ${beside}`],
    ],
    ["local_action", tasks("local_action: command true"), [`warning 3:7 ${beside}`]],
    ["to a host that a template names", tasks("{ping: , delegate_to: '{{ x }}'}"), []],
  ])("%s", (_title, text, found) => {
    expect(findings(text)).toEqual(found);
  });
});

describe("what shows only when it runs is said", () => {
  test.each([
    ["hosts", "- hosts: '{{ target }}'\n", 'warning 1:10 "hosts" is a template'],
    [
      "a connection",
      play("  vars: {ansible_connection: '{{ x }}'}\n"),
      'warning 2:10 "ansible_connection" is a template',
    ],
  ])("%s", (_title, text, finding) => {
    expect(findings(text)).toEqual([finding]);
  });
});

describe("nothing is said of", () => {
  test.each([
    ["the image's name", "- hosts: trixie\n"],
    ["its group", "- hosts: nspawn_runner\n"],
    ["another file's plays", "- import_playbook: other.yaml\n"],
    ["an argument of that name", tasks("magic: {connection: local}")],
    ["a variable of that name", play("  vars: {connection: local}\n")],
    ["another connection's", tasks("debug: {msg: the connection is local}")],
  ])("%s", (_title, text) => {
    expect(findings(text)).toEqual([]);
  });
});
