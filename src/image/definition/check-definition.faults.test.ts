import { describe, expect, test } from "bun:test";
import { findings, play } from "./testing.ts";

describe("faults, each at its place", () => {
  test.each<[title: string, text: string, ...faults: string[]]>([
    [
      "an empty file",
      "",
      '1:1: a playbook is a list of plays: its first line begins with "- hosts: all"',
    ],
    [
      "only a comment",
      "# x\n",
      '1:1: a playbook is a list of plays: its first line begins with "- hosts: all"',
    ],
    [
      "an empty list",
      "[]\n",
      '1:1: a playbook is a list of plays: its first line begins with "- hosts: all"',
    ],
    [
      "a map",
      "hosts: all\n",
      '1:1: a playbook is a list of plays: its first line begins with "- hosts: all"',
    ],
    ["a play that is none", "- hosts: all\n- 5\n", '2:3: a play is a map, such as "hosts: all"'],
    ["a play without hosts", "- tasks: []\n", '1:3: a play needs "hosts", such as "hosts: all"'],
    [
      "broken YAML",
      "- hosts: all\n  vars: [\n",
      "3:1: this is not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]",
    ],
    [
      "two documents",
      "- hosts: all\n---\n- hosts: all\n",
      "2:1: this is not valid YAML: Source contains multiple documents; please use YAML.parseAllDocuments()",
    ],
    [
      "a list of vars",
      "- hosts: all\n  vars: [a]\n",
      '2:9: "vars" of a play is a map of names to values',
    ],
    [
      "an unknown variable with a near one",
      play("nspawn_runner_pakages: []"),
      '3:5: "nspawn_runner_pakages" is not a variable of nspawn-runner; did you mean "nspawn_runner_packages"?',
    ],
    [
      "one of nested keys",
      play("nspawn_runner_limits: {memry: 1G}"),
      '3:28: "nspawn_runner_limits" has no "memry"; did you mean "memory"?',
    ],
    [
      "a nested key with no near one",
      play("nspawn_runner_keep: {weeks: 1}"),
      '3:26: "nspawn_runner_keep" has no "weeks"; known are count, days',
    ],
    [
      "a suite that is none, as the creator's text",
      play("nspawn_runner_create: {mmdebstrap: 'Debian 13'}"),
      '3:40: "nspawn_runner_create.mmdebstrap" must be the name of a suite, such as trixie, bookworm or sid, but is the text "Debian 13"',
    ],
    [
      "text for a list",
      play('nspawn_runner_packages: "git, make"'),
      '3:29: "nspawn_runner_packages" must be a list, but is the text "git, make"',
    ],
    [
      "a long text is not shown in full",
      play(`nspawn_runner_packages: ${"x".repeat(500)}`),
      `3:29: "nspawn_runner_packages" must be a list, but is the text "${"x".repeat(40)}…"`,
    ],
    [
      "nothing",
      play("nspawn_runner_packages:"),
      '3:28: "nspawn_runner_packages" must be a list, but is empty',
    ],
    [
      "a number for text",
      play("nspawn_runner_environment: {VERSION: 1.10}"),
      '3:42: "nspawn_runner_environment.VERSION" must be text, but is the number 1.1: put it in quotes',
    ],
    [
      "a time that YAML makes a number",
      play("nspawn_runner_environment: {PORTS: 22:22}"),
      '3:40: "nspawn_runner_environment.PORTS" must be text, but is the number 1342: put it in quotes',
    ],
    [
      "a date",
      play("nspawn_runner_environment: {DAY: 2026-01-01}"),
      '3:38: "nspawn_runner_environment.DAY" must be text, but is a date: put it in quotes',
    ],
    [
      "a truth value for text",
      play("nspawn_runner_environment: {DEBUG: on}"),
      '3:40: "nspawn_runner_environment.DEBUG" must be text, but is yes (true): put it in quotes',
    ],
    [
      "the name of no variable",
      play('nspawn_runner_environment: {"A B": x}'),
      '3:33: "nspawn_runner_environment.A B" must be the name of an environment variable, but is the text "A B"',
    ],
    [
      "a variable that shells keep for themselves",
      play("nspawn_runner_environment: {UID: '0'}"),
      '3:33: "nspawn_runner_environment.UID" cannot be set: shells keep this variable for themselves',
    ],
    [
      "a PATH that a shell was to complete",
      play("nspawn_runner_environment: {LANG: C, PATH: '/opt/tool/bin:$PATH'}"),
      '3:48: "nspawn_runner_environment.PATH" must be absolute directories with ":" between them, all of them: nothing is put in for "$PATH" or "~", but is the text "/opt/tool/bin:$PATH"',
    ],
    [
      "a PATH with nothing in it",
      play("nspawn_runner_environment: {PATH: ''}"),
      '3:39: "nspawn_runner_environment.PATH" must be absolute directories with ":" between them, all of them: nothing is put in for "$PATH" or "~", but is the text ""',
    ],
    [
      "a quoted truth value",
      play("nspawn_runner_upgrade: 'yes'"),
      '3:28: "nspawn_runner_upgrade" must be yes or no, but is the text "yes": take the quotes away',
    ],
    [
      "a word that is not in the list",
      play("nspawn_runner_refresh: monthly"),
      '3:28: "nspawn_runner_refresh" must be one of daily, weekly, never, but is the text "monthly"',
    ],
    [
      "no size",
      play("nspawn_runner_limits: {memory: 4 GB}"),
      '3:36: "nspawn_runner_limits.memory" must be a size, such as "4G" or "512M", but is the text "4 GB"',
    ],
    [
      "a size without a unit",
      play("nspawn_runner_limits: {memory: 4096}"),
      '3:36: "nspawn_runner_limits.memory" must be a size, such as "4G" or "512M", but is the number 4096',
    ],
    [
      "a size that is none on any machine",
      play("nspawn_runner_limits: {memory: 999999999999T}"),
      '3:36: "nspawn_runner_limits.memory" must be a size, such as "4G" or "512M", but is the text "999999999999T"',
    ],
    [
      "a size that nothing boots in",
      play("nspawn_runner_limits: {memory: 4K}"),
      '3:36: "nspawn_runner_limits.memory" must be "32M" or more to boot anything, but is the text "4K"',
    ],
    [
      "half a task",
      play("nspawn_runner_limits: {tasks: 99.5}"),
      '3:35: "nspawn_runner_limits.tasks" must be a whole number, but is the number 99.5',
    ],
    [
      "a negative count",
      play("nspawn_runner_keep: -1"),
      '3:25: "nspawn_runner_keep" must be at least 0, but is the number -1',
    ],
    [
      "a word for a count",
      play("nspawn_runner_keep: all"),
      '3:25: "nspawn_runner_keep" must be a number or a map, but is the text "all"',
    ],
    [
      "a unit without a kind to wait for",
      play("nspawn_runner_ready: nginx"),
      '3:26: "nspawn_runner_ready" must be the full name of a unit, such as "multi-user.target", but is the text "nginx"',
    ],
    [
      "a unit that is enabled and masked",
      play("nspawn_runner_enable: [a]", "nspawn_runner_mask: [a.service]"),
      '4:26: "a.service" is to be enabled and masked at once',
    ],
    [
      "a package that apt would remove",
      play("nspawn_runner_packages: [git-]"),
      '3:30: "nspawn_runner_packages[0]" must be the name of a package, such as "g++" or "python3.13", but is the text "git-"',
    ],
    [
      "Jinja",
      play('nspawn_runner_user: "{{ x }}"'),
      '3:25: variables of nspawn-runner cannot hold Jinja ("{{ … }}"): they are read without Ansible. Write the value itself, or put "!unsafe" before a text that is no template',
    ],
    [
      "Jinja without quotes",
      play("nspawn_runner_user: {{ x }}"),
      '3:25: variables of nspawn-runner cannot hold Jinja ("{{ … }}"): they are read without Ansible. Write the value itself, or put "!unsafe" before a text that is no template',
    ],
    [
      "a vault",
      play("nspawn_runner_user: !vault |", "  $ANSIBLE_VAULT;1.1;AES256", "  6162"),
      "3:32: variables of nspawn-runner cannot be encrypted: they are read without Ansible, and without its passwords",
    ],
    ["a tag of nobody", "- hosts: all\n  vars: {x: !foo y}\n", '2:18: Ansible knows no tag "!foo"'],
    ["an alias of nothing", "- hosts: *all\n", '1:10: no "&all" comes before this'],
    [
      "a key that is given twice, anywhere",
      "- hosts: all\n  tasks:\n    - name: a\n      name: b\n",
      '4:7: "name" is given twice in one map',
    ],
    [
      "a merge of no map",
      play("<<: 5"),
      '3:9: only a map, or a list of maps, can be merged by "<<"',
    ],
    ["a key that is no text", play("1: 5"), "3:5: a key is text: put it in quotes"],
    [
      "the name of a built-in",
      play("nspawn_runner_environment: {__proto__: x}"),
      '3:33: "__proto__" cannot be a key here',
    ],
    [
      "several at once, in the file's order",
      play("nspawn_runner_user: 5", "nspawn_runner_mask: x", "nspawn_runner_kep: 1"),
      '3:25: "nspawn_runner_user" must be text, but is the number 5: put it in quotes',
      '4:25: "nspawn_runner_mask" must be a list, but is the text "x"',
      '5:5: "nspawn_runner_kep" is not a variable of nspawn-runner; did you mean "nspawn_runner_keep"?',
    ],
  ])("%s", (_title, text, ...faults) => {
    expect(findings(text)).toEqual(faults.map((fault) => `trixie.yaml:${fault}`));
  });
  test("a creator that there is not, with those there are", () => {
    expect(findings(play("nspawn_runner_create: {magic: 1}"))[0]).toMatch(
      /^trixie.yaml:3:28: "nspawn_runner_create.magic" is no creator \(creators: mmdebstrap, .*\)$/,
    );
    expect(findings(play("nspawn_runner_create: pacstrab"))[0]).toMatch(
      /^trixie.yaml:3:27: "nspawn_runner_create" must name a creator.* did you mean "pacstrap"\?/,
    );
  });
  test("an option that a creator lacks, and one that it needs", () => {
    expect(findings(play("nspawn_runner_create: {dnf: {relase: '42'}}"))).toEqual([
      'trixie.yaml:3:28: "nspawn_runner_create.dnf.release" must be given',
      expect.stringMatching(
        /^trixie.yaml:3:34: "nspawn_runner_create.dnf.relase" is not an option of dnf; did you mean "release"\?/,
      ),
    ]);
  });
  test("a variable that is near to none, with those there are", () => {
    expect(findings(play("nspawn_runner_colour: red"))[0]).toMatch(
      /is not a variable of nspawn-runner; known are nspawn_runner_create, .*nspawn_runner_keep$/,
    );
  });
});
