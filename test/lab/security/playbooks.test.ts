/** What of a playbook runs on the host that builds reaches nothing of it. */
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { openDeclared } from "../declare.ts";
import { cleanUpAfterEach, command, later, start } from "../harness.ts";

cleanUpAfterEach();

const btrfs = { kind: "btrfs", root: "/fs/btrfs/root" } as const;
const from = { create: { from: "trixie" }, upgrade: false };

/** As no reader of the file can tell: its name is put together while it runs. */
const BECOME_LOCAL = "    - set_fact: {\"{{ 'ansible_' ~ 'connection' }}\": local}\n";

test("a play that becomes the host's only while it runs changes nothing there", async () => {
  const { runner, declare, generations } = openDeclared(btrfs);
  const victim = start(["sleep", "infinity"]);
  later(() => victim.kill("SIGKILL"));
  mkdirSync("/run/playbook-was-here", { mode: 0o777 });
  later(() => command("rm", "-rf", "/run/playbook-was-here", "/tmp/playbook-was-here"));
  // The first shows that they are tried.
  const attempts = [
    "id -u",
    "touch /etc/playbook-was-here",
    "touch /root/playbook-was-here",
    "touch /var/lib/playbook-was-here",
    "touch /run/playbook-was-here/file",
    "touch {{ playbook_dir }}/playbook-was-here",
    "touch /fs/btrfs/root/playbook-was-here",
    "echo 1 >/proc/sys/kernel/sysrq",
    "echo 1 >/proc/sysrq-trigger",
    "mkdir /sys/fs/cgroup/playbook-was-here",
    `kill -9 ${victim.pid}`,
    "systemctl stop systemd-journald",
    "busctl call org.freedesktop.systemd1 / org.freedesktop.DBus.Peer Ping",
    "mount -t tmpfs none /mnt",
    "unshare --user --map-root-user true",
    "mknod /tmp/playbook-was-here b 8 0",
    "su -c true",
    "nsenter --target 1 --mount true",
    "chroot / true",
    "setpriv --reuid=0 true",
    "sh -c 'echo $$ >/sys/fs/cgroup/cgroup.procs'",
  ];
  const script = attempts.map((line, index) => `(${line}) >/dev/null 2>&1 && echo could-${index}`);
  declare(
    "leaves",
    from,
    `  tasks:
${BECOME_LOCAL}    - shell: ${JSON.stringify([...script, "exit 0"].join("\n"))}
      register: tried
    - debug: {msg: "tried: {{ tried.stdout_lines | join(' ') }}."}
    - copy: {content: "", dest: /etc/playbook-was-here}
`,
  );
  const failed = await runner.call("chroot-create", "leaves", "--verbose");
  expect(failed.code).toBe(2);
  expect(failed.stderr).toContain("tried: could-0.");
  for (const place of ["/etc", "/root", "/var/lib", "/tmp", "/fs/btrfs/root"]) {
    expect(existsSync(`${place}/playbook-was-here`)).toBe(false);
  }
  expect(existsSync("/run/playbook-was-here/file")).toBe(false);
  expect(await generations("leaves")).toEqual([]);
  expect((await command("kill", "-0", String(victim.pid))).code).toBe(0);
});

test.each([
  ["hosts", "- hosts: localhost\n", ":5:10: "],
  ["a connection", "- hosts: all\n  vars: {ansible_connection: local}\n", ":6:10: "],
])(
  "a play that is the host's by its %s is refused before anything runs",
  async (_, play, place) => {
    const { runner, declare } = openDeclared(btrfs);
    const path = declare(
      "refused",
      { create: { command: "touch /tmp/it-was-created" } },
      `${play}  tasks: [{copy: {content: "", dest: /tmp/it-ran}}]\n`,
    );
    for (const verb of ["chroot-create", "chroot-maintenance", "chroot-lint"]) {
      const refused = await runner.call(verb, "refused");
      expect(refused.code).not.toBe(0);
      expect(refused.stderr + refused.stdout).toContain(`refused.yaml${place}`);
    }
    const job = await runner.call("prepare", "--id", "refused-1", "refused");
    expect(job.code).toBe(2);
    expect(readFileSync(path, "utf8")).toContain(play);
    for (const name of ["created", "ran"]) expect(existsSync(`/tmp/it-was-${name}`)).toBe(false);
    expect(existsSync("/tmp/it-ran")).toBe(false);
  },
);

test("what is delegated to the host reads files of root, has a /tmp of its own, and is told of", async () => {
  const { runner, declare, directory } = openDeclared(btrfs);
  declare(
    "beside",
    { ...from, test: 'test "$(cat /srv/secret)" = "between us"' },
    `  tasks:
    - local_action: command cat {{ playbook_dir }}/secret
      register: secret
    - copy: {content: "{{ secret.stdout }}", dest: /tmp/made-here}
      delegate_to: localhost
    - copy: {src: /tmp/made-here, dest: /srv/secret}
`,
  );
  writeFileSync(`${directory}/secret`, "between us", { mode: 0o600 });
  const created = await runner.call("chroot-create", "beside");
  expect(created.stderr).toContain("1 built");
  expect(created.stderr).toMatch(/beside\.yaml:\d+:7: warning: this runs on the host that builds/);
  expect(existsSync("/tmp/made-here")).toBe(false);
});

test("what a playbook runs when it is only read, by a lint of root's, changes nothing either", async () => {
  const { runner, declare, directory } = openDeclared(btrfs);
  const places = ["/etc", "/root", "/var/lib", directory, "/fs/btrfs/root", "/run"];
  const script = `id -u >&2; for place in ${places.join(" ")}; do touch $place/lint-was-here && echo could; done; echo other.yml`;
  writeFileSync(`${directory}/other.yml`, "- hosts: all\n  tasks: [{nosuch_module: {}}]\n");
  declare(
    "read",
    from,
    `- import_playbook: ${JSON.stringify(`{{ lookup('pipe', ${JSON.stringify(`(${script}) 2>/dev/null`)}) }}`)}\n`,
  );
  const linted = await runner.call("chroot-lint", "read");
  // It was run: what it named was read.
  expect(linted.stdout).toContain("nosuch_module");
  for (const place of places) expect(existsSync(`${place}/lint-was-here`)).toBe(false);
  expect((await command("sh", "-c", "ls -d /run/nspawn-runner/lint-*")).code).not.toBe(0);
});
