import { describe, expect, test } from "bun:test";
import { parseImageName } from "../../text/names.ts";
import { checkDefinition } from "./check-definition.ts";
import { formatFinding } from "./finding.ts";

const file = (name: string) => {
  return {
    name: parseImageName(name),
    path: `${name}.yaml`,
    realPath: `/srv/images/${name}.yaml`,
    directory: "/srv/images",
  };
};

function check(text: string, name = "trixie"): ReturnType<typeof checkDefinition> {
  return checkDefinition(text, file(name));
}

/** What the person sees: faults, or warnings. */
function findings(text: string, name?: string): string[] {
  const checked = check(text, name);
  return (checked.kind === "valid" ? checked.definition.warnings : checked.faults).map(
    formatFinding,
  );
}

function valid(text: string, name?: string) {
  const checked = check(text, name);
  if (checked.kind === "valid") return checked.definition;
  throw new Error(checked.faults.map(formatFinding).join("\n"));
}

/** A first play whose vars are these lines. */
const play = (...lines: string[]): string =>
  `- hosts: all\n  vars:\n${lines.map((line) => `    ${line}\n`).join("")}`;

test("a play without variables is an image of the suite that has its name", () => {
  const text = "- hosts: all\n";
  expect(valid(text)).toEqual({
    name: parseImageName("trixie"),
    path: "/srv/images/trixie.yaml",
    directory: "/srv/images",
    text,
    create: { kind: "mmdebstrap", options: expect.anything() },
    recreate: false,
    refresh: "daily",
    upgrade: true,
    packages: [],
    enabledUnits: [],
    maskedUnits: [],
    settings: { environment: {}, limits: {} },
    test: undefined,
    keep: { count: 3, days: 30 },
    needsAnsible: false,
    warnings: [],
    inputs: [],
  });
});

test("every variable arrives", () => {
  const definition = valid(
    play(
      "nspawn_runner_chroot_suite: bookworm",
      "nspawn_runner_maint_recreate: yes",
      "nspawn_runner_packages: [g++, 'libc6:i386', 389-ds-base]",
      "nspawn_runner_user: ci",
      "nspawn_runner_environment: {LANG: C.UTF-8, ANSWER: y, VERSION: '1.10'}",
      "nspawn_runner_enable: [nginx, foo.socket, getty@tty1.service]",
      "nspawn_runner_mask: [apt-daily.timer]",
      "nspawn_runner_ready: network-online.target",
      "nspawn_runner_limits: {memory: 4G, cpus: 1.5, tasks: 4096}",
      "nspawn_runner_test: |",
      "  systemctl is-active nginx",
      "nspawn_runner_refresh: weekly",
      "nspawn_runner_upgrade: off",
      "nspawn_runner_keep: 5",
      "mine: '{{ whatever }}'",
    ),
    "web",
  );
  expect(definition).toMatchObject({
    create: { kind: "mmdebstrap", options: { suite: "bookworm" } },
    recreate: true,
    refresh: "weekly",
    upgrade: false,
    packages: ["g++", "libc6:i386", "389-ds-base"],
    enabledUnits: ["nginx.service", "foo.socket", "getty@tty1.service"],
    maskedUnits: ["apt-daily.timer"],
    settings: {
      user: "ci",
      environment: { LANG: "C.UTF-8", ANSWER: "y", VERSION: "1.10" },
      readyTarget: "network-online.target",
      limits: { memoryBytes: 4 * 2 ** 30, cpus: 1.5, tasks: 4096 },
    },
    test: "systemctl is-active nginx\n",
    keep: { count: 5, days: 30 },
  });
  expect(definition.packages).toContain("g++");
});

describe("the words of YAML 1.1, as Ansible reads them", () => {
  test.each([
    ["yes", true],
    ["On", true],
    ["TRUE", true],
    ["no", false],
    ["off", false],
  ])("%s", (word, meant) => {
    expect(valid(play(`nspawn_runner_upgrade: ${word}`)).upgrade).toBe(meant);
  });
  test.each(["y", "n", "08", "1e3", "1.5e3"])("%s is text", (word) => {
    const { settings } = valid(play(`nspawn_runner_environment: {A: ${word}}`));
    expect(settings.environment).toEqual({ A: word });
  });
  test("even where the file asks for YAML 1.2", () => {
    expect(valid(`%YAML 1.2\n---\n${play("nspawn_runner_upgrade: no")}`).upgrade).toBe(false);
  });
});

describe("how it is created", () => {
  test.each([
    ["nothing at all", "", "trixie", undefined],
    ["the old variable", "nspawn_runner_chroot_suite: sid", "any", "sid"],
    ["a creator and the old variable", "nspawn_runner_create: mmdebstrap", "any", "sid"],
    ["a creator's text", "nspawn_runner_create: {mmdebstrap: sid}", "any", "sid"],
    ["options without suite", "nspawn_runner_create: {mmdebstrap: {variant: apt}}", "any", "sid"],
  ])("%s", (title, line, name, suite) => {
    const lines =
      title.startsWith("a creator and") || title.startsWith("options")
        ? [line, "nspawn_runner_chroot_suite: sid"]
        : [line];
    const { create } = valid(play(...lines), name);
    expect(create.kind).toBe("mmdebstrap");
    expect(create.options).toHaveProperty("variant");
    expect((create.options as { suite?: string }).suite).toBe(suite);
  });

  test("two suites are a fault at the second", () => {
    const text = play(
      "nspawn_runner_create: {mmdebstrap: {suite: sid}}",
      "nspawn_runner_chroot_suite: trixie",
    );
    expect(findings(text)).toEqual([
      'trixie.yaml:4:33: "nspawn_runner_chroot_suite" says "trixie", but "nspawn_runner_create" says "sid": keep one of them',
    ]);
  });

  test("the old variable is about no other creator", () => {
    const text = play("nspawn_runner_create: {oci: debian}", "nspawn_runner_chroot_suite: sid");
    expect(findings(text)).toEqual([
      'trixie.yaml:4:33: "nspawn_runner_chroot_suite" is about mmdebstrap, but "nspawn_runner_create" names oci: keep one of them',
    ]);
  });

  test("a name that is no suite needs one", () => {
    expect(findings(play("nspawn_runner_create: debootstrap"), "a:b")).toEqual([
      'a:b.yaml:3:27: no suite is given, and the image\'s name "a:b" is not that of one',
    ]);
    expect(findings("- hosts: all\n", "python:3.12")).toEqual([
      'python:3.12.yaml:1:3: no suite is given, and the image\'s name "python:3.12" is not that of one',
    ]);
  });
});

test.each([
  ["a creator that is rolling", "mmdebstrap", "daily"],
  ["one that is not", "{from: base}", "never"],
])("images are refreshed by themselves with %s: %s, %s", (_title, create, refresh) => {
  expect(valid(play(`nspawn_runner_create: ${create}`)).refresh).toBe(refresh as "daily");
});

describe("anchors and merge keys", () => {
  test("from a hidden variable, an own entry wins, the first of two sources wins", () => {
    const text = `- hosts: all
  vars:
    one: &one {memory: 1G, tasks: 100}
    two: &two {memory: 2G, cpus: 2}
    nspawn_runner_limits:
      <<: [*one, *two]
      tasks: 200
    list: &list [git, make]
    nspawn_runner_packages: *list
`;
    const definition = valid(text);
    expect(definition.settings.limits).toEqual({ memoryBytes: 2 ** 30, cpus: 2, tasks: 200 });
    expect(definition.packages).toEqual(["git", "make"]);
  });
  test("vars themselves may be merged, and a whole play be an alias", () => {
    const text = `- hosts: all
  vars: &vars {nspawn_runner_user: ci}
  tasks: []
- hosts: all
  vars: {<<: *vars, other: 1}
`;
    expect(valid(text).settings.user).toBe("ci");
  });
  test("a fault in what an alias stands for is told once, where it is written", () => {
    const text = `- hosts: all
  vars:
    list: &list [-rf]
    nspawn_runner_packages: *list
`;
    expect(findings(text)).toEqual([
      'trixie.yaml:3:18: "nspawn_runner_packages[0]" must be the name of a package, such as "g++" or "python3.13", but is the text "-rf"',
    ]);
  });
});

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

describe("what is Ansible's is not ours to judge", () => {
  test("vaults, templates and unsafe texts elsewhere", () => {
    const definition = valid(`- hosts: all
  become: "{{ x }}"
  vars:
    secret: !vault |
      $ANSIBLE_VAULT;1.1;AES256
      6162
    raw: !unsafe "{{ y }}"
    nspawn_runner_test: !unsafe "docker ps --format '{{.Names}}'"
  tasks:
    - copy: {src: motd, dest: /etc/motd}
`);
    expect(definition.test).toBe("docker ps --format '{{.Names}}'");
  });

  test.each([
    ["tasks", "- hosts: all\n  tasks: [{debug: }]\n", true],
    ["handlers", "- hosts: all\n  handlers: [{name: x}]\n", true],
    ["roles", "- hosts: all\n  roles: [web]\n", true],
    ["a second play", "- hosts: all\n- hosts: all\n", true],
    ["another file", "- import_playbook: base.yaml\n", true],
    ["an empty list", "- hosts: all\n  tasks: []\n", false],
    ["nothing in it", "- hosts: all\n  tasks:\n", false],
    ["other keys", "- hosts: all\n  become: yes\n", false],
  ])("%s: needs Ansible is %p", (_title, text, needed) => {
    expect(valid(text).needsAnsible).toBe(needed);
  });
});

describe("warnings", () => {
  test.each([
    [
      "a package listed twice",
      play("nspawn_runner_packages: [git, make, git]"),
      'trixie.yaml:3:41: warning: the package "git" is listed twice',
    ],
    [
      "recreation of what is always the same",
      play("nspawn_runner_create: {from: base}", "nspawn_runner_maint_recreate: yes"),
      'trixie.yaml:4:35: warning: creating by from gives the same each time: "nspawn_runner_maint_recreate" only takes longer',
    ],
    [
      "a variable of ours in a later play",
      "- hosts: all\n- hosts: all\n  vars: {nspawn_runner_user: ci}\n",
      'trixie.yaml:3:10: warning: "nspawn_runner_user" has an effect only in the "vars" of the first play',
    ],
  ])("%s", (_title, text, warning) => {
    expect(check(text).kind).toBe("valid");
    expect(findings(text)).toEqual([warning]);
  });
});

describe("bounds", () => {
  test("a huge file", () => {
    const [fault] = findings(`- hosts: all\n${"# x\n".repeat(100_000)}`);
    expect(fault).toBe("trixie.yaml:1:1: the file has 400013 characters; the limit is 262144");
  });
  test("an alias bomb in our variables", () => {
    const levels = Array.from({ length: 12 }, (_, level) =>
      level === 0 ? "a0: &a0 [x]" : `a${level}: &a${level} [${`*a${level - 1}, `.repeat(10)}]`,
    );
    const text = play(...levels, "nspawn_runner_packages: *a11");
    expect(findings(text)[0]).toContain("aliases make it too large");
  });
  test("the same bomb elsewhere is none", () => {
    const levels = Array.from({ length: 12 }, (_, level) =>
      level === 0 ? "a0: &a0 [x]" : `a${level}: &a${level} [${`*a${level - 1}, `.repeat(10)}]`,
    );
    expect(check(play(...levels)).kind).toBe("valid");
  });
  test("a bomb of merges", () => {
    const levels = Array.from({ length: 20 }, (_, level) =>
      level === 0
        ? "a0: &a0 {x: 1}"
        : `a${level}: &a${level} {<<: [*a${level - 1}, *a${level - 1}, *a${level - 1}]}`,
    );
    const text = play(...levels, "nspawn_runner_limits: *a19");
    expect(findings(text)[0]).toContain("aliases make it too large");
  });
  test("an alias of what it is in", () => {
    expect(findings(play("nspawn_runner_limits: &a {memory: *a}"))[0]).toContain("too deeply");
    expect(findings(play("nspawn_runner_limits: &a {<<: *a}"))[0]).toContain("too deeply");
  });
  test.each([
    ["lists", "[".repeat(50_000)],
    ["maps", "{a: ".repeat(50_000)],
    ["rows", "- ".repeat(50_000)],
    ["closed lists", `- hosts: ${"[".repeat(3000)}${"]".repeat(3000)}\n`],
  ])("deep nesting of %s is a fault or fine, and no crash", (_title, text) => {
    expect(findings(text).length).toBeLessThanOrEqual(21);
  });
  test("many faults are counted, not listed", () => {
    const lines = Array.from({ length: 100 }, (_, n) => `nspawn_runner_x${n}: 1`);
    const faults = findings(play(...lines));
    expect(faults).toHaveLength(21);
    expect(faults.at(-1)).toBe("trixie.yaml:23:5: 80 more from here on");
  });
});
