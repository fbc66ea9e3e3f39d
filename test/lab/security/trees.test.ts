/** What the host does with trees and directories that a job, an image or a package has filled. */
import { describe, expect, test } from "bun:test";
import { lstatSync } from "node:fs";
import { openDeclared } from "../declare.ts";
import {
  cleanUpAfterEach,
  command,
  expectNothingLeft,
  later,
  mustBash,
  openRunner,
  PLACES,
  type Place,
  uniqueName,
} from "../harness.ts";
import { openVictim } from "../victim.ts";

cleanUpAfterEach();

/** An image put there by hand, in whose tree that was done. */
async function openImage(place: Place, from: string, change: string, ...words: string[]) {
  const name = uniqueName();
  const tree = `${place.root}/${name}`;
  later(() =>
    command("bash", "-c", 'btrfs -q subvolume delete "$0" 2>/dev/null || rm -rf "$0"', tree),
  );
  const make = place.kind === "btrfs" ? 'btrfs -q subvolume create "$1"' : 'mkdir "$1"';
  await mustBash(`${make}; cp -a "$2/$3/." "$1"`, tree, place.root, from);
  await mustBash(`cd "$1"; shift; ${change}`, tree, ...words);
  return { name, tree };
}

const places = PLACES.filter(({ kind }) => kind === "btrfs" || kind === "overlay");
const AGENT_UNIT = "etc/systemd/system/nspawn-runner-agent.service";

describe.each(places)("on $kind", (place) => {
  const runner = openRunner(place);

  test.each([
    ...["etc/resolv.conf", "etc/hosts", "etc/hostname", "etc/localtime", "etc/os-release"],
    ...["etc/passwd.lock", "root/.ssh", "usr/lib/os-release", AGENT_UNIT],
  ])("a link to a file of the host in place of /%s is nobody's way to it", async (path) => {
    const victim = await openVictim();
    const link = 'mkdir -p "$(dirname "$1")"; rm -rf "$1"; ln -s "$2/file" "$1"';
    const { name } = await openImage(place, "nobash", link, path, victim.path);
    const machine = await runner.machine(name);
    const write = `#!/bin/sh\necho theirs >>/${path}; rm -f /${path}; echo theirs >/${path}; echo done`;
    expect((await machine.run(write)).stdout).toEndWith("done\n");
    const change = ["sh", "-c", `echo theirs >>/${path}; true`];
    expect((await runner.call("chroot-login", name, "--", ...change)).code).toBe(0);
    expect((await runner.call("chroot-login", name, "--read-only", "--", "true")).code).toBe(0);
    expect(await victim.look()).toBe(victim.before);
  });

  test("a job that puts links in place of all that nspawn and we work in", async () => {
    const victim = await openVictim();
    const machine = await runner.machine("nosystemd");
    const attack = `#!/bin/bash
      for path in etc/resolv.conf etc/machine-id etc/hostname etc/hosts usr/lib/systemd tmp var root; do
        rm -rf "/$path" 2>/dev/null; ln -s ${victim.path}/sub "/$path" 2>/dev/null
      done
      unshare -m sh -c 'umount -R -l /dev /run /tmp; rm -rf /dev /run; ln -s ${victim.path} /dev; ln -s ${victim.path} /run' 2>/dev/null
      echo done`;
    expect((await machine.run(attack)).stdout).toEndWith("done\n");
    await runner.call("run", "--id", machine.name, "/bin/true");
    expect((await runner.call("cleanup", "--id", machine.name)).code).toBe(0);
    expectNothingLeft(place, machine.name);
    expect((await runner.call("gc")).code).toBe(0);
    expect(await victim.look()).toBe(victim.before);
  });

  test.each([
    ["a FIFO", 'mkfifo "$1"', 0],
    ["a device without an end", 'mknod "$1" c 1 5', 0],
    ["a directory", 'mkdir "$1"', 0],
    ["a terabyte of nothing", ': >"$1"; truncate -s 1T "$1"', 2],
  ] as const)("%s in place of resolv.conf holds up nobody", async (_what, make, code) => {
    const { name } = await openImage(place, "nobash", `rm -f "$1"; ${make}`, "etc/resolv.conf");
    const plain = await openImage(place, "nobash", "");
    const usual = await runner.call("chroot-login", plain.name, "--", "true");
    const ended = await runner.call("chroot-login", name, "--", "true");
    expect(ended.ms).toBeLessThan(usual.ms + 1000);
    expect(ended.stderr).toContain(code === 0 ? "" : "the limit is 1048576 bytes.");
    expect(ended.code).toBe(code);
    expect((await runner.machine(name)).name).not.toBe("");
  });
});

describe("a machine's control directory", () => {
  const runner = openRunner({ kind: "overlay", root: "/fs/ext4/root" });

  test("cannot be changed, linked out of or filled by root inside", async () => {
    const machine = await runner.machine("nosystemd");
    const place = `/run/nspawn-runner/machines/${machine.name}/control`;
    const look = () =>
      mustBash('cd "$1"; find . ! -path "./steps/*" -printf "%P %y %m %U %n %s\\n" | sort', place);
    const before = await look();
    const attack = `#!/bin/bash
      cd /run/nspawn-runner
      for try in 'echo x >agent' 'rm agent' 'mv agent b' 'ln agent /hard' 'ln /etc/passwd hard' \\
        'ln -s /etc x' 'mkdir x' 'mkfifo x' 'chmod 777 agent' 'chown 1 agent' 'mv request r' 'rm request' \\
        'mount -o remount,rw /run/nspawn-runner' 'touch steps/x' 'rm -r steps' 'head -c 1M /dev/zero >full'; do
        eval "$try" 2>/dev/null && echo "works: $try"
      done
      echo done`;
    expect((await machine.run(attack)).stdout).toBe("done\n");
    expect(await look()).toBe(before);
    // In a directory of its own the same works: it is not for want of tools.
    const own = attack.replace(
      "cd /run/nspawn-runner",
      "mkdir /own; cd /own; touch agent; mkfifo request; mkdir steps",
    );
    expect((await machine.run(own)).stdout).toContain("works: rm agent\n");
  });

  test("holds the steps of its own machine alone", async () => {
    const [one, other] = [await runner.machine("nosystemd"), await runner.machine("nosystemd")];
    const waiting = other.start("mkfifo /go; echo begins; read -r _ </go");
    await waiting.awaitOutput("begins");
    const seen = await one.run(
      "ls /run/nspawn-runner/steps | wc -l; ls -d /proc/[0-9]*/root/go 2>/dev/null",
    );
    expect(seen.stdout).toBe("1\n");
    const forged = await one.run(
      `for fifo in /run/nspawn-runner/steps/*/result-*; do echo 'exited 0' >"$fifo"; done & exit 7`,
    );
    // It can lie of its own steps, and of no other's.
    expect([0, 1, 2]).toContain(forged.code);
    expect((await other.run("echo >/go")).code).toBe(0);
    expect((await waiting.ended).code).toBe(0);
  });
});

test("artifacts and images that are built find no way through links of a definition's command", async () => {
  const place: Place = { kind: "overlay", root: "/fs/ext4/root" };
  const victim = await openVictim();
  const { runner, declare } = openDeclared(place);
  const links = `cp -a ${place.root}/nobash/. "$1"; cd "$1"; rm -rf etc/resolv.conf etc/machine-id
    ln -s ${victim.path}/file etc/resolv.conf; ln -s ${victim.path}/file etc/hosts`;
  declare("linked", { create: { command: links }, packages: [] });
  expect((await runner.call("chroot-create", "linked")).stderr).not.toContain("Fault");
  expect(await victim.look()).toBe(victim.before);
  expect(lstatSync(`${victim.path}/file`).isFile()).toBe(true);
});
