import { describe, expect, test } from "bun:test";
import { parseImageName } from "../../text/names.ts";
import { check, findings, play, valid } from "./testing.ts";

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
