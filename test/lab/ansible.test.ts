/** Real playbooks, run by a real ansible-playbook in the machine that an image is built in. */
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { expectNothingHalf, openDeclared } from "./declare.ts";
import { cleanUpAfterEach, command, later, PLACES, start } from "./harness.ts";

cleanUpAfterEach();

const btrfs = { kind: "btrfs", root: "/fs/btrfs/root" } as const;

function write(path: string, text: string, mode = 0o644): void {
  mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  writeFileSync(path, text, { mode });
}

/** Of a role that ansible-galaxy takes. */
const META =
  "galaxy_info: {author: me, description: d, license: MIT, min_ansible_version: '2.1'}\ndependencies: []\n";

test("a playbook has what it expects of a host: packages, services, handlers, roles, become", async () => {
  const { runner, declare, directory } = openDeclared(btrfs);
  const home = existsSync("/root/.ansible");
  declare(
    "site",
    {
      create: { from: "trixie" },
      enable: ["late.service"],
      test: "systemctl is-active own.service late.service",
    },
    `    who: world
  roles: [greeter, from-afar, my.own.collected]
  tasks:
    - apt: {name: hello, update_cache: true}
    - copy: {content: "hello {{ who }}\\n", dest: /srv/copied, mode: "0640"}
    - template: {src: facts.j2, dest: /srv/templated}
    - command: systemctl is-system-running --wait
      register: state
      failed_when: false
    - copy: {content: "{{ state.stdout }}\\n", dest: /srv/state}
    - user: {name: ci}
    - command: id -un
      become: true
      become_user: ci
      become_method: su
      register: became
    - copy: {content: "{{ became.stdout }}\\n", dest: /srv/became}
    - copy: {src: "{{ item }}", dest: /etc/systemd/system/}
      loop: [own.service, late.service]
      notify: count
    - service: {name: own, state: started, enabled: true}
    - shell: cat >/srv/typed
      args: {stdin: "piped in"}
    - command: systemctl is-active own
      register: active
    - copy: {content: "{{ active.stdout }}\\n", dest: /srv/active}
  handlers:
    - name: count
      shell: echo handled >>/srv/handled
`,
  );
  write(
    `${directory}/templates/facts.j2`,
    "{{ ansible_facts.distribution }} {{ inventory_hostname }}\n",
  );
  write(
    `${directory}/roles/greeter/tasks/main.yml`,
    "- copy: {src: greet, dest: /srv/, mode: '0755'}\n",
  );
  write(`${directory}/roles/greeter/files/greet`, "#!/bin/sh\necho from a role\n");
  const collection = `${directory}/collections/ansible_collections/my/own`;
  write(`${collection}/galaxy.yml`, "{namespace: my, name: own, version: 1.0.0}\n");
  write(
    `${collection}/roles/collected/tasks/main.yml`,
    "- shell: echo collected >/srv/collected\n",
  );
  const unit = "[Service]\nExecStart=sleep infinity\n[Install]\nWantedBy=multi-user.target\n";
  write(`${directory}/files/own.service`, unit);
  write(`${directory}/files/late.service`, unit);
  // A role of requirements.yml, as it would come from elsewhere.
  const afar = `${directory}/afar/from-afar`;

  write(`${afar}/tasks/main.yml`, "- copy: {content: 'afar', dest: /srv/afar}\n");
  write(
    `${afar}/meta/main.yml`,
    "galaxy_info: {author: me, description: d, license: MIT, min_ansible_version: '2.1'}\ndependencies: []\n",
  );
  await command(
    "tar",
    "-C",
    `${directory}/afar`,
    "-czf",
    `${directory}/afar/role.tar.gz`,
    "from-afar",
  );
  write(
    `${directory}/requirements.yml`,
    `- {src: "file://${directory}/afar/role.tar.gz", name: from-afar}\n`,
  );
  const created = await runner.call("chroot-create", "site");
  expect(created.stderr).toContain("1 built");
  const machine = await runner.machine("site");
  const ran = await machine.run(
    "cd /srv; cat copied templated state became typed active handled collected afar; stat -c %a copied; ./greet; hello -g packaged; systemctl is-active own late; ls -A /tmp /root | grep -i ansible",
  );
  expect(ran.stdout).toMatchInlineSnapshot(`
    "hello world
    Debian site
    running
    ci
    piped in
    active
    handled
    collected
    afar640
    from a role
    packaged
    active
    active
    "
  `);
  // Nothing of it is in the home of whoever runs it, nor beside the definition.
  expect(existsSync("/root/.ansible")).toBe(home);
  // What it uses counts: a file of a role makes it due again, a file of nobody does not.
  write(`${directory}/files/nobodys`, "1");
  const check = ["chroot-maintenance", "site", "--check"];
  expect((await runner.call(...check)).stdout).toContain("site: skipped");
  write(`${directory}/roles/greeter/files/greet`, "#!/bin/sh\necho changed\n");
  expect((await runner.call(...check)).stdout).toContain("files that its definition uses");
});

describe.each([...PLACES])("a playbook on $kind", (place) => {
  test("runs over what is there, and a task that fails changes nothing", async () => {
    const { runner, declare, generations } = openDeclared(place);
    const task = (words: string): string => `  tasks:\n    - shell: ${words}\n`;
    declare("over", { create: { from: "trixie" }, upgrade: false }, task("echo 1 >>/srv/runs"));
    expect((await runner.call("chroot-create", "over")).code).toBe(0);
    declare("over", { create: { from: "trixie" }, upgrade: false }, task("echo 2 >>/srv/runs"));
    expect((await runner.call("chroot-maintenance", "over")).code).toBe(0);
    const machine = await runner.machine("over");
    expect((await machine.run("cat /srv/runs")).stdout).toBe("1\n2\n");
    const before = await generations("over");
    declare(
      "over",
      { create: { from: "trixie" }, upgrade: false },
      task("echo 3 >>/srv/runs; echo it does not work >&2; exit 7"),
    );
    const failed = await runner.call("chroot-maintenance", "over");
    expect(failed.code).toBe(2);
    expect(failed.stderr).toContain('Cannot build the image "over" (running the playbook)');
    const log = /The whole log is "(.*)"/.exec(failed.stderr)?.[1] ?? "";
    expect(readFileSync(log, "utf8")).toContain("it does not work");
    expect(await generations("over")).toEqual(before);
    expectNothingHalf(place);
  });
});

test("what Ansible refuses is told before anything is created", async () => {
  const { runner, declare } = openDeclared(btrfs);
  const mark = "/tmp/created-for-nothing";
  later(() => command("rm", "-f", mark));
  declare("refused", { create: { command: `touch ${mark}` } }, "  tasks: [{nosuch_module: {}}]\n");
  const failed = await runner.call("chroot-create", "refused");
  expect(failed).toMatchObject({ code: 2 });
  expect(failed.stderr).toContain('Cannot build the image "refused" (checking the playbook)');
  expect(failed.stderr).toContain("nosuch_module");
  expect(existsSync(mark)).toBe(false);
});

test("requirements are installed once, until they change, and lint finds their roles", async () => {
  const { runner, declare, directory } = openDeclared(btrfs);
  later(() => command("rm", "-rf", "/fs/btrfs/root/.requirements"));
  const pack = (content: string) => {
    write(`${directory}/far/tasks/main.yml`, `- {shell: "echo ${content} >/srv/far"}\n`);
    write(`${directory}/far/meta/main.yml`, META);
    return command("sh", "-euc", 'cd "$1"; tar -czf far.tar.gz far; rm -r far', "sh", directory);
  };
  await pack("one");
  write(`${directory}/requirements.yml`, `- {src: "file://${directory}/far.tar.gz", name: far}\n`);
  declare("first", { create: { from: "trixie" }, upgrade: false }, "  roles: [far]\n");
  declare("second", { create: { from: "trixie" }, upgrade: false }, "  roles: [far]\n");
  expect((await runner.call("chroot-lint")).stderr).toContain("is not installed yet");
  const installs = async (verb: string, name: string): Promise<number> => {
    const { stderr } = await runner.call(verb, name, "--verbose");
    expect(stderr).toContain("1 built");
    return stderr.split("was installed successfully").length - 1;
  };
  expect(await installs("chroot-create", "first")).toBe(1);
  expect(await installs("chroot-create", "second")).toBe(0);
  const linted = await runner.call("chroot-lint");
  expect(linted).toMatchObject({ code: 0, stdout: "" });
  expect(linted.stderr).not.toContain("not installed");
  await pack("two");
  expect(await installs("chroot-maintenance", "first")).toBe(1);
  const machine = await runner.machine("first");
  expect((await machine.run("cat /srv/far")).stdout).toBe("two\n");
});

test("words for one run reach the playbook; the next maintenance is of the definition alone", async () => {
  const { runner, declare } = openDeclared(btrfs);
  declare(
    "worded",
    { create: { from: "trixie" }, upgrade: false },
    `  gather_facts: false
  tasks:
    - shell: echo {{ word | default('none') }} >>/srv/words
      tags: [words]
    - shell: echo other >>/srv/words
`,
  );
  const created = await runner.call("chroot-create", "worded");
  expect(created.stderr).toContain("(tasks: 2 ok, 2 changed, 0 failed), because");
  const worded = ["chroot-maintenance", "worded", "--", "--tags", "words", "-e", "word=mine"];
  expect((await runner.call(...worded)).stderr).toContain("(tasks: 1 ok, 1 changed, 0 failed)");
  const machine = await runner.machine("worded");
  expect((await machine.run("cat /srv/words")).stdout).toBe("none\nother\nmine\n");
  const check = await runner.call("chroot-maintenance", "worded", "--check");
  expect(check.stdout).toContain("would update, because its playbook was run with words");
  expect((await runner.call("chroot-maintenance", "--", "-v")).code).toBe(2);
});

test("a build that is killed in its playbook takes it along, and the next run mends the rest", async () => {
  const { runner, declare, generations } = openDeclared(btrfs);
  const task = (words: string): string => `  tasks:\n    - shell: ${words}\n`;
  const variables = { create: { from: "trixie" }, upgrade: false };
  declare("cut-short", variables, task("sleep 31.4"));
  const building = runner.start("chroot-maintenance");
  await building.awaitOutput("cut-short: Running the playbook");
  await command("bash", "-c", "until pgrep --full '[s]leep 31.4'; do :; done");
  building.kill("SIGKILL");
  await building.ended;
  await command("bash", "-c", "while pgrep --full '[a]nsible-playbook'; do :; done");
  declare("cut-short", variables, task("echo done >/srv/done"));
  expect((await runner.call("chroot-maintenance")).code).toBe(0);
  expect(await generations("cut-short")).toHaveLength(1);
  expect((await command("pgrep", "--full", "[s]leep 31.4")).code).toBe(1);
  expectNothingHalf(btrfs);
});

test("without Ansible one sentence says how to install it, and what needs none works", async () => {
  const { runner, declare, directory } = openDeclared(btrfs);
  const path = `${directory}-bin`;
  later(() => command("rm", "-r", path));
  await command(
    "bash",
    "-c",
    `mkdir ${path}; ln -s /usr/bin/* /usr/sbin/* ${path}/; rm ${path}/ansible*`,
  );
  const without = (...argv: string[]) =>
    start(["/usr/local/bin/nspawn-runner", ...argv], { ...runner.environment, PATH: path }).ended;
  declare("tasks", { create: { from: "nobash" } }, "  tasks:\n    - command: 'true'\n");
  declare("none", { create: { from: "nobash" } });
  const created = await without("chroot-create");
  expect(created.stderr).toContain("apt-get install ansible");
  expect(created.stderr).toContain("1 built, 0 had nothing to do, 1 failed: tasks.");
});
