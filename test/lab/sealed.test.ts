/** What a finished image is like, how it is looked at by hand, and that a power cut spoils none. */
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { busybox, openDeclared } from "./declare.ts";
import {
  cleanUpAfterEach,
  command,
  later,
  mustBash,
  openRunner,
  PLACES,
  uniqueName,
} from "./harness.ts";

cleanUpAfterEach();

const btrfs = { kind: "btrfs", root: "/fs/btrfs/root" } as const;

describe.each([...PLACES])("a finished image on $kind", (place) => {
  test("holds nothing that two machines must not share, nor what only takes space", async () => {
    const { runner, declare } = openDeclared(place);
    const dirty = `
      mkdir -p etc/ssh var/log/journal/x var/lib/systemd var/lib/dbus tmp var/tmp root/.ansible
      echo 0123456789abcdef0123456789abcdef | tee etc/machine-id var/lib/dbus/machine-id >/dev/null
      for file in etc/ssh/ssh_host_rsa_key etc/ssh/ssh_host_rsa_key.pub etc/ssh/moduli var/log/syslog \\
        var/log/syslog.1 var/log/syslog.2.gz var/log/journal/x/system.journal tmp/left tmp/.hidden \\
        var/tmp/left root/.ansible/x var/lib/systemd/random-seed; do echo secret >"$file"; done
      echo nameserver 192.0.2.1 >etc/resolv.conf
      printf '127.0.0.1\\tlocalhost\\n127.0.1.1\\tmine\\n' >etc/hosts
      ln -s /etc/shadow etc/linked; ln -s ../../../../../../etc var/log/escape`;
    declare("sealed", { create: busybox(place, dirty) });
    expect((await runner.call("chroot-create", "sealed")).code).toBe(0);
    const tree = await mustBash(
      `echo ${place.root}/sealed.v/$(readlink ${place.root}/sealed.v/current)`,
    );
    const found = await mustBash(
      'cd "$1"; find etc var tmp root -type f -printf "%s %p\\n" | grep -vE " etc/(passwd|group|os-release)$" | sort -k2',
      tree.trim(),
    );
    expect(found).toBe(
      [
        "0 etc/.updated",
        "35 etc/hosts",
        "0 etc/machine-id",
        "0 etc/resolv.conf",
        "7 etc/ssh/moduli",
        "0 var/.updated",
        "0 var/log/syslog",
        "",
      ].join("\n"),
    );
    expect(await mustBash('cat "$1/etc/hosts"', tree.trim())).toBe(
      "127.0.0.1\tlocalhost\n127.0.1.1\tmine\n",
    );
    // Its links led nowhere on the host.
    expect(existsSync("/etc/machine-id")).toBe(true);
    expect((await command("test", "-s", "/etc/passwd")).code).toBe(0);
  });
});

test("units are masked, and scripts wait for what the image calls ready", async () => {
  const { runner, declare } = openDeclared(btrfs);
  const unit = "[Service]\\nType=oneshot\\nExecStart=/bin/sh -c 'sleep 1; echo done >/run/slow'\\n";
  declare("ready", {
    create: {
      command: `cp -a ${btrfs.root}/trixie/. "$1"; printf "${unit}" >"$1/etc/systemd/system/slow.service"`,
    },
    mask: ["cron.service"],
    ready: "slow.service",
    upgrade: false,
  });
  expect((await runner.call("chroot-create", "ready")).stderr).toContain("1 built");
  const machine = await runner.machine("ready");
  const ran = await machine.run("cat /run/slow; systemctl is-enabled cron.service");
  expect(ran.stdout).toBe("done\nmasked\n");
});

describe("chroot-login", () => {
  test("only looks, or throws away what was done, when it is told to", async () => {
    const { runner, declare, generations } = openDeclared(btrfs);
    declare("looked", { create: busybox(btrfs) });
    await runner.call("chroot-create");
    const before = await generations("looked");
    const write = ["--", "/bin/sh", "-c", "echo 1 >/root/made && cat /root/made"];
    const discarded = await runner.call("chroot-login", "looked", "--discard", ...write);
    expect(discarded).toMatchObject({ code: 0, stdout: "1\n" });
    const looked = await runner.call("chroot-login", "looked", "--read-only", ...write);
    expect(looked.code).not.toBe(0);
    expect(looked.stderr + looked.stdout).toContain("Read-only file system");
    expect(await generations("looked")).toEqual(before);
    expect(readdirSync(`${btrfs.root}/.drafts`)).toEqual([]);
    const locks = (): string[] =>
      readdirSync(`${btrfs.root}/.locks`, { recursive: true })
        .map(String)
        .filter((path) => path.endsWith("/looked"))
        .sort();
    expect(locks()).toEqual([".change/looked", ".trees/looked", ".turn/looked"]);
    expect((await runner.call("chroot-remove", "looked")).code).toBe(0);
    expect(locks()).toEqual([]);
  });
});

test("image list, image update: the short way is the same command", async () => {
  const { runner, declare } = openDeclared(btrfs);
  declare("short", { create: busybox(btrfs) });
  expect((await runner.call("image", "update", "--json")).stdout).toContain('"built"');
  expect((await runner.call("image", "list", "short", "--json")).stdout).toContain('"short"');
  const wrong = await runner.call("image", "updat");
  expect(wrong).toMatchObject({ code: 2 });
});

/**
 * What a power cut leaves: a copy of the disk while it is in use has what was written to it by then,
 * and nothing of what the kernel still held in memory.
 */
test.each([
  ["ext4", "loop"],
  // Two file systems of one UUID; the copy is mounted as it is, so that its log is read.
  ["xfs", "loop,nouuid"],
])("a power cut on %s leaves the old generation or the new, whole", async (kind, options) => {
  const name = `cut-${uniqueName()}`;
  const disk = `/var/tmp/${name}.img`;
  const root = `/fs/${name}`;
  later(() => command("bash", "-c", `umount ${root}*; rm -rf ${root}* ${disk}*`));
  await mustBash(
    `truncate -s 400M ${disk}; mkfs.${kind} -q ${disk}; mkdir -p ${root}; mount -o loop ${disk} ${root}
     cp -a ${btrfs.root}/nobash ${root}/nobash`,
  );
  const { runner, declare } = openDeclared({ kind: "overlay", root });
  const made = (count: number): Record<string, unknown> => ({
    create: busybox(
      { kind: "overlay", root },
      `head -c 20000000 /dev/urandom >root/big; sha256sum root/big >root/sum; echo ${count} >root/made`,
    ),
  });
  let cuts = 0;
  const afterCut = async (): Promise<string> => {
    cuts += 1;
    const [copy, place] = [`${disk}.${cuts}`, `${root}-${cuts}`];
    await mustBash(
      `cp --sparse=always ${disk} ${copy}; mkdir ${place}; mount -o ${options} ${copy} ${place}`,
    );
    const machine = await openRunner({ kind: "overlay", root: place }).machine("cut");
    return (await machine.run("#!/bin/sh\ncd / && sha256sum -c root/sum && cat /root/made")).stdout;
  };
  const whole = (count: number): string => `root/big: OK\n${count}\n`;
  declare("cut", made(1));
  expect((await runner.call("chroot-create")).code).toBe(0);
  declare("cut", { ...made(2), test: "exec sleep 3" });
  const building = runner.start("chroot-maintenance");
  await building.awaitOutput("cut: Trying it");
  expect(await afterCut()).toBe(whole(1));
  expect((await building.ended).code).toBe(0);
  expect(await afterCut()).toBe(whole(2));
});
