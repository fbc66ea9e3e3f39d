/** What playbooks are made of, in an image of minimal Debian without sudo: one story. */
import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { openDeclared } from "./declare.ts";
import { cleanUpAfterEach, command } from "./harness.ts";

cleanUpAfterEach();

const UNIT = "[Service]\nExecStart=sleep infinity\n[Install]\nWantedBy=multi-user.target\n";

const FILES: Readonly<Record<string, string>> = {
  "ansible.cfg": "[defaults]\nvault_password_file = .vault\nroles_path = shared\n",
  "group_vars/nspawn_runner/secret.yml": "secret: swordfish\n",
  "templates/settings.j2": "{{ secret }} of {{ ansible_facts.hostname }}\n",
  "files/own.service": UNIT,
  "shared/part/tasks/main.yml":
    "- {shell: echo role >>/srv/order, notify: told}\n- {meta: flush_handlers}\n- {shell: echo after >>/srv/order}\n",
  "shared/part/handlers/main.yml": "- {name: told, shell: echo handler >>/srv/order}\n",
  "more.yml":
    "- hosts: nspawn_runner\n  gather_facts: false\n  tasks: [{shell: echo imported >>/srv/order}]\n",
};

const TASKS = `  tasks:
    - user: {name: ci, shell: /bin/bash}
    - template: {src: settings.j2, dest: /home/ci/settings, mode: "0600"}
      become: true
      become_user: ci
    - block:
        - command: "false"
      rescue:
        - shell: echo rescued >>/srv/order
      always:
        - shell: echo always >>/srv/order
    - include_role: {name: part}
    - copy: {src: own.service, dest: /etc/systemd/system/}
    - systemd: {name: own, state: started, enabled: true, daemon_reload: true}
    - service: {name: own, state: restarted}
    - shell: git init -q /srv/there && git -C /srv/there -c user.name=a -c user.email=a@b commit -q --allow-empty -m x
    - git: {repo: /srv/there, dest: /srv/clone, version: HEAD}
    - get_url: {url: "file:///etc/os-release", dest: /srv/got}
    - lineinfile: {path: /srv/order, line: last}
    - shell: sleep 0.1 && echo late >/srv/async
      async: 30
      poll: 1
    - fail: {msg: it is Windows}
      when: ansible_facts.os_family == "Windows"
- hosts: brave
  tasks: [{shell: echo play >>/srv/order}]
- import_playbook: more.yml
`;

test("vaults, templates, other users, blocks, roles, handlers, units, git, several plays", async () => {
  const { runner, declare, directory } = openDeclared({ kind: "btrfs", root: "/fs/btrfs/root" });
  for (const [path, text] of Object.entries(FILES)) {
    mkdirSync(`${directory}/${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
    writeFileSync(`${directory}/${path}`, text);
  }
  writeFileSync(`${directory}/.vault`, "open sesame\n", { mode: 0o600 });
  const vault = `${directory}/group_vars/nspawn_runner/secret.yml`;
  const encrypt = ["ansible-vault", "encrypt", "--vault-password-file", `${directory}/.vault`];
  expect((await command(...encrypt, vault)).code).toBe(0);
  const test = `test "$(stat -c %U:%a /home/ci/settings)" = ci:600; systemctl is-active own`;
  declare("brave", { create: { from: "trixie" }, upgrade: false, test }, TASKS);
  const created = await runner.call("chroot-create", "brave", "--verbose");
  expect(created.stderr).toContain("1 built");
  const machine = await runner.machine("brave");
  const ran = await machine.run("cat /home/ci/settings /srv/order /srv/async; head -c 6 /srv/got");
  expect(ran.stdout).toBe(
    "swordfish of brave\nrescued\nalways\nrole\nhandler\nafter\nlast\nplay\nimported\nlate\nPRETTY",
  );
  // The password counts, and a changed variable in the vault.
  writeFileSync(`${directory}/.vault`, "another\n", { mode: 0o600 });
  const check = await runner.call("chroot-maintenance", "brave", "--check");
  expect(check.stdout).toContain("files that its definition uses");
});
