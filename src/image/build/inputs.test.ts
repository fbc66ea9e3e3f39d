import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname } from "node:path";
import { openFiles } from "../../host/files.ts";
import { parseImageName } from "../../text/names.ts";
import { parseDefinition } from "../definition/parse-definition.ts";
import type { BuildInputs } from "../generations/manifest.ts";
import { gatherInputs, needsNewTree } from "./inputs.ts";

let top = "";
beforeEach(() => {
  top = realpathSync(mkdtempSync(`${tmpdir()}/inputs-`));
  mkdirSync(`${top}/images`);
});
afterEach(() => rmSync(top, { recursive: true }));

/** A path that is not below `images` begins with "../", or with TOP for the directory around. */
const at = (path: string): string => path.replace(/^TOP/, top).replace(/^(?!\/)/, `${top}/images/`);

function write(path: string, text: string): void {
  mkdirSync(dirname(at(path)), { recursive: true });
  writeFileSync(at(path), text);
}

function gather(text: string): BuildInputs {
  const directory = `${top}/images`;
  const path = `${directory}/web.yaml`;
  const file = { name: parseImageName("web"), path, realPath: path, directory };
  const clock = { nowMs: () => 0, elapsedMs: () => 0, sleep: async () => {} };
  const host = { files: openFiles(), clock, environment: { HOME: `${top}/home` } };
  return gatherInputs(host, parseDefinition(text.replaceAll("TOP", top), file), "");
}

/** Whether a definition is due once a file is another. */
function counts(text: string, path: string, before: Readonly<Record<string, string>> = {}) {
  for (const [file, content] of Object.entries(before)) write(file, content);
  write(path, "old");
  const first = gather(text);
  expect(gather(text)).toEqual(first);
  write(path, "new");
  const second = gather(text);
  if (needsNewTree(first, second)) return "anew";
  return JSON.stringify(first) === JSON.stringify(second) ? "no" : "yes";
}

const play = (more: string): string =>
  `- hosts: all\n  vars: {nspawn_runner_chroot_suite: trixie}\n${more}`;
const task = (words: string): string => play(`  tasks:\n    - ${words}\n`);
const role = { "roles/site/tasks/main.yml": "- include_tasks: more.yml\n- copy: {src: page}\n" };
const COPY = "copy: {src: key, dest: /etc/key}";

describe("counts:", () => {
  test.each([
    ["a role", play("  roles: [site]\n"), "roles/site/files/page", role],
    [
      "a role with variables",
      play("  roles: [{role: site, x: 1}]\n"),
      "roles/site/defaults/main.yml",
      role,
    ],
    [
      "a role of a role",
      play("  roles: [site]\n"),
      "roles/base/tasks/main.yml",
      { "roles/site/meta/main.yml": "dependencies: [{role: base}]\n" },
    ],
    ["a role by a task", task("include_role: {name: site}"), "roles/site/tasks/main.yml", {}],
    ["a module of a role", play("  roles: [site]\n"), "roles/site/library/own.py", role],
    [
      "a role of roles_path",
      play("  roles: [far]\n"),
      "../shared/far/tasks/main.yml",
      { "ansible.cfg": "[defaults]\nroles_path = ../shared\n" },
    ],
    ["a role at home", play("  roles: [far]\n"), "../home/.ansible/roles/far/tasks/main.yml", {}],
    [
      "a role of a collection",
      play("  roles: [my.own.c]\n"),
      "collections/ansible_collections/my/own/roles/c/tasks/main.yml",
      {},
    ],
    [
      "a module of a collection",
      task("my.own.module: {}"),
      "collections/ansible_collections/my/own/plugins/module_utils/x.py",
      {},
    ],
    ["a template", task("template: {src: motd.j2, dest: /etc/motd}"), "templates/motd.j2", {}],
    [
      "a template of a template",
      task("template: {src: motd.j2, dest: /etc/motd}"),
      "templates/parts/head.j2",
      { "templates/motd.j2": "{% include 'parts/head.j2' %}\n" },
    ],
    ["a file", task(COPY), "files/key", {}],
    ["a file as key=value", task("copy: src=key dest=/etc/key"), "files/key", {}],
    ["a file from here", task("copy: {src: ./files/key, dest: /etc/key}"), "files/key", {}],
    [
      "a name with blanks",
      task("copy:\n        src: my key\n        dest: /k"),
      "files/my key",
      {},
    ],
    ["a directory", task("copy: {src: conf/, dest: /etc/}"), "files/conf/a/b", {}],
    [
      "from the playbook's directory",
      task("copy: {src: '{{ playbook_dir }}/files/key', dest: /k}"),
      "files/key",
      {},
    ],
    [
      "from there, joined",
      task("copy: {src: \"{{ playbook_dir ~ '/files/key' }}\", dest: /k}"),
      "files/key",
      {},
    ],
    [
      "from a role's directory",
      play("  roles: [site]\n"),
      "roles/site/extra/key",
      { "roles/site/tasks/main.yml": "- copy: {src: '{{ role_path }}/extra/key', dest: /k}\n" },
    ],
    [
      "a lookup",
      task("copy: {content: \"{{ lookup('file', 'keys/ci.pub') }}\"}"),
      "keys/ci.pub",
      {},
    ],
    ["a query of a pattern", task("debug: {msg: \"{{ q('fileglob', 'c/*') }}\"}"), "c/x", {}],
    [
      "with_fileglob",
      task("copy: {src: '{{ item }}', dest: /srv}\n      with_fileglob: conf.d/*.conf"),
      "conf.d/one.conf",
      {},
    ],
    [
      "with_fileglob as a list",
      task("copy: {src: '{{ item }}', dest: /srv}\n      with_fileglob:\n        - conf.d/*.conf"),
      "files/conf.d/one.conf",
      {},
    ],
    [
      "a name with a fact in it",
      task("include_vars: 'settings/{{ ansible_facts.distribution }}.yml'"),
      "settings/Debian.yml",
      {},
    ],
    ["include_vars of a directory", task("include_vars: {dir: words}"), "words/x/y.yml", {}],
    [
      "beside the directory",
      play("  vars_files: [../common/words.yml]\n  tasks: [{ping: }]\n"),
      "../common/words.yml",
      {},
    ],
    [
      "beside the directory, in a list",
      play("  vars_files:\n    - ../common/words.yml\n  tasks: [{ping: }]\n"),
      "../common/words.yml",
      {},
    ],
    ["an absolute path", task("copy: {src: TOP/far/key, dest: /k}"), "TOP/far/key", {}],
    ["at home", task("copy: {src: ~/key, dest: /k}"), "../home/key", {}],
    ["a script of a task", task("script: bin/setup.sh --fast"), "bin/setup.sh", {}],
    ["a task file", task("include_tasks: tasks/more.yml"), "tasks/more.yml", {}],
    [
      "a file of a task file",
      task("include_tasks: tasks/more.yml"),
      "files/key",
      { "tasks/more.yml": `- ${COPY}\n` },
    ],
    [
      "a file of another playbook",
      "- hosts: all\n  vars: {nspawn_runner_chroot_suite: trixie}\n- import_playbook: common/site.yml\n",
      "common/files/key",
      { "common/site.yml": `- hosts: all\n  tasks: [{${COPY}}]\n` },
    ],
    ["variables of all", task("ping: {}"), "group_vars/all.yml", {}],
    ["variables of all, in a directory", task("ping: {}"), "group_vars/all/a.yml", {}],
    ["variables of our group", task("ping: {}"), "group_vars/nspawn_runner.yml", {}],
    ["variables of the image", task("ping: {}"), "host_vars/web/a.yml", {}],
    ["module_utils", task("ping: {}"), "module_utils/own.py", {}],
    ["plugins", task("ping: {}"), "lookup_plugins/own.py", {}],
    [
      "a vault's password",
      task("ping: {}"),
      ".vault",
      {
        "ansible.cfg": "[defaults]\nvault_password_file = .vault\n",
      },
    ],
    ["requirements", play("  roles: [far]\n"), "requirements.yml", {}],
    [
      "what is listed",
      "- hosts: all\n  vars: {nspawn_runner_chroot_suite: trixie, nspawn_runner_inputs: [certs/*.pem]}\n",
      "certs/a.pem",
      {},
    ],
  ] as const)("%s", (_, text, path, before) => {
    expect(counts(text, path, before)).toBe("yes");
  });
});

const create = (how: string): string => `- hosts: all\n  vars: {nspawn_runner_create: ${how}}\n`;

describe("makes the root file system anew:", () => {
  test.each([
    ["an archive", create("{tar: rootfs.tar}"), "rootfs.tar"],
    ["a directory", create("{directory: rootfs}"), "rootfs/etc/hostname"],
    ["an absolute directory", create("{directory: TOP/rootfs}"), "TOP/rootfs/etc/hostname"],
    ["a layout of OCI", create("{oci: 'oci:layout:tag'}"), "layout/index.json"],
    ["a configuration of mkosi", create("{mkosi: trixie.mkosi}"), "trixie.mkosi/mkosi.conf"],
    ["a program", create("{command: [./build, a]}"), "build"],
    ["a script that a command names", create(`'./build.sh "$1"'`), "build.sh"],
    ["and with an interpreter", create(`'bash tools/build.sh "$1"'`), "tools/build.sh"],
  ] as const)("%s", (_, text, path) => {
    expect(counts(text, path)).toBe("anew");
  });
  test("what a script that a command names names", () => {
    const before = { "build.sh": 'cp -a ./overlay/motd "$1/etc/"\n' };
    expect(counts(create(`'./build.sh "$1"'`), "overlay/motd", before)).toBe("anew");
  });
});

describe("does not count:", () => {
  test.each([
    ["another definition", play("  roles: [site]\n"), "other.yaml", role],
    ["a role that nobody names", play("  roles: [site]\n"), "roles/other/tasks/main.yml", role],
    ["a file that nobody names", task(COPY), "files/other", {}],
    ["variables without tasks", play(""), "group_vars/all.yml", {}],
    ["variables of another group", task("ping: {}"), "group_vars/web.yml", {}],
    ["an image beside the definition", play(""), "trixie/etc/hostname", {}],
    [
      "an image that is extended",
      `${create("{from: base}")}  tasks: [{ping: }]\n`,
      "base/etc/x",
      {},
    ],
    ["a path of the image", task("file: {path: TOP/far, state: directory}"), "TOP/far/x", {}],
    ["all that is above", task("command: cd ../.. && ls"), "../x", {}],
    [
      "another definition, where any file may be meant",
      task("include_tasks: '{{ x }}.yaml'"),
      "other.yaml",
      {},
    ],
    ["an editor's lock", play("  roles: [site]\n"), "roles/site/tasks/.#main.yml", role],
    [
      "what mkosi keeps",
      create("{mkosi: x.mkosi}"),
      "x.mkosi/mkosi.cache/a",
      {
        "x.mkosi/mkosi.conf": "",
      },
    ],
  ] as const)("%s", (_, text, path, before) => {
    expect(counts(text, path, before)).toBe("no");
  });
});

describe("links", () => {
  test("lead to what counts: a file, a directory, a role", () => {
    write("../elsewhere/key", "old");
    write("../elsewhere/role/tasks/main.yml", "- copy: {src: more}\n");
    write("../elsewhere/role/files/more", "old");
    mkdirSync(at("files"));
    mkdirSync(at("roles"));
    symlinkSync("../../elsewhere/key", at("files/key"));
    symlinkSync("../../elsewhere/role", at("roles/linked"));
    const text = play(`  roles: [linked]\n  tasks: [{${COPY}}]\n`);
    const first = gather(text);
    write("../elsewhere/key", "new");
    const second = gather(text);
    expect(second.files).not.toBe(first.files);
    write("../elsewhere/role/files/more", "new");
    expect(gather(text).files).not.toBe(second.files);
  });

  test("are archives and directories by another name", () => {
    write("../srv/one/x", "1");
    write("../srv/two/x", "2");
    symlinkSync(`${top}/srv/one`, at("current"));
    const text = create("{directory: current}");
    const first = gather(text);
    rmSync(at("current"));
    symlinkSync(`${top}/srv/two`, at("current"));
    expect(needsNewTree(first, gather(text))).toBe(true);
  });

  test("that lead nowhere, or in circles, are passed over", () => {
    write("roles/site/tasks/main.yml", "- ping:\n");
    symlinkSync("root@host.1234:5678", at("roles/site/tasks/.#main.yml"));
    symlinkSync("..", at("roles/site/tasks/circle"));
    symlinkSync("loop", at("roles/site/loop"));
    symlinkSync("nowhere", at("ansible.cfg"));
    const text = play("  roles: [site]\n");
    expect(gather(text)).toEqual(gather(text));
  });
});

describe("a large tree is not read", () => {
  const text = create("{directory: rootfs}");
  const MANY = 6000;
  beforeEach(() => {
    for (let index = 0; index < MANY; index += 1) write(`rootfs/${index % 60}/${index}`, "x");
  });
  test("and each file of it counts by size, time and inode", () => {
    const path = at("rootfs/17/17");
    const first = gather(text);
    const { atime, mtime } = statSync(path);
    writeFileSync(`${path}.new`, "y");
    utimesSync(`${path}.new`, atime, mtime);
    renameSync(`${path}.new`, path);
    const second = gather(text);
    expect(needsNewTree(first, second)).toBe(true);
    utimesSync(path, new Date(0), new Date(0));
    expect(needsNewTree(second, gather(text))).toBe(true);
  });
});

test("a fresh checkout of the same files is the same", () => {
  const text = play("  roles: [site]\n");
  write("roles/site/tasks/main.yml", "- ping:\n");
  const first = gather(text);
  rmSync(at("roles"), { recursive: true });
  write("roles/site/tasks/main.yml", "- ping:\n");
  utimesSync(at("roles/site/tasks/main.yml"), new Date(0), new Date(0));
  expect(gather(text)).toEqual(first);
});
