/**
 * Trees that would lead systemd-nspawn out of themselves: it writes on the host as root, along links
 * of the tree, before it has entered it. They are refused before every start, whatever starts.
 */
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { busybox, openDeclared } from "./declare.ts";
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
} from "./harness.ts";
import { openVictim } from "./victim.ts";

cleanUpAfterEach();

/** An image put there by hand, of busybox, that `change` was done to. */
async function openImage(place: Place, change: string, ...words: string[]): Promise<string> {
  const name = uniqueName();
  const tree = `${place.root}/${name}`;
  later(() =>
    command("bash", "-c", 'btrfs -q subvolume delete "$0" 2>/dev/null || rm -rf "$0"', tree),
  );
  const make = place.kind === "btrfs" ? 'btrfs -q subvolume create "$1"' : 'mkdir "$1"';
  await mustBash(`${make}; cp -a "$2/nobash/." "$1"`, tree, place.root);
  await mustBash(`cd "$1"; shift; ${change}`, tree, ...words);
  return name;
}

/** For `openImage`, with a path in the tree as its first word. */
const swap = 'rm -rf "$1"; mkdir -p "$(dirname "$1")"; ';

test.each([
  ["dev", "char/1:3"],
  ["run", "host/container-uuid"],
])(
  "by itself nspawn follows a link in place of /%s and writes on the host",
  async (path, trace) => {
    const victim = await openVictim();
    const tree = `/var/tmp/${uniqueName()}`;
    later(() => command("rm", "-rf", tree));
    await mustBash(
      `cp -a /fs/ext4/root/nobash "$1"; rm -rf "$1/$2"; ln -s "$3" "$1/$2"`,
      tree,
      path,
      victim.path,
    );
    const options = ["--register=no", "--settings=no", "--link-journal=no", "--timezone=off"];
    // In a mount namespace of its own: what it mounts on the host goes with it.
    const by = [
      "unshare",
      "--mount",
      "systemd-nspawn",
      "--quiet",
      `--directory=${tree}`,
      ...options,
    ];
    await command(
      ...by,
      `--machine=${uniqueName()}`,
      "--private-users=1879048192:65536",
      "--",
      "/bin/true",
    );
    expect(await victim.look()).toContain(`\n${trace} `);
  },
);

const KINDS: readonly (readonly [string, string, string])[] = [
  ["a link to the host", 'ln -s "$2" "$1"', "is a link to"],
  ["a link up to the host", 'ln -s "../../../../../../../../..$2" "$1"', "is a link to"],
  ["a link to itself", 'ln -s "$(basename "$1")" "$1"', "is a link to"],
  ["a file", ': >"$1"', "is a file"],
  ["a directory", 'mkdir "$1"', "is a directory"],
  ["a FIFO", 'mkfifo "$1"', "is a device, a socket or a FIFO"],
  ["a character device", 'mknod "$1" c 1 5', "is a device, a socket or a FIFO"],
  ["a block device", 'mknod "$1" b 7 0', "is a device, a socket or a FIFO"],
  [
    "a socket",
    'python3 -c "import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])" "$1"',
    "is a device, a socket or a FIFO",
  ],
];
const DIRECTORIES = ["dev", "run", "proc", "sys", "usr", "etc"];
const places = PLACES.filter(({ kind }) => kind === "btrfs" || kind === "overlay");

describe.each(places)("a start on $kind", (place) => {
  const runner = openRunner(place);

  test.each(KINDS)("of an image with %s where nspawn works", async (what, make, said) => {
    const victim = await openVictim();
    const refused = [...DIRECTORIES, "etc/machine-id"].filter((path) =>
      path === "etc/machine-id" ? what !== "a file" : what !== "a directory",
    );
    for (const path of refused) {
      const image = await openImage(place, swap + make, path, victim.path);
      const name = uniqueName();
      const { code, stderr } = await runner.call("prepare", "--id", name, image);
      // Behind what the machine was to get.
      expect(stderr.split("\n").find((line) => line.startsWith("ERROR: "))).toStartWith(
        `ERROR: Cannot start a machine of image "${image}": its "/${path}" ${said}`,
      );
      expect(stderr).toContain(`in "${place.root}/${image}", or build the image again.`);
      expect(code).toBe(2);
      expectNothingLeft(place, name);
    }
    expect(await victim.look()).toBe(victim.before);
  });

  test.each([
    ["dev/null", ""],
    ["dev/console", ""],
    ["dev/pts", ""],
    ["run/host", ""],
    ["run/nspawn-runner", ""],
    ["proc/sys", ""],
    ["sys/fs", ""],
    ["tmp", "/var/tmp"],
    ["tmp", ""],
    ["var", ""],
    ["root", ""],
    ["etc/resolv.conf", ""],
    ["etc/hosts", ""],
  ])("of an image whose /%s is a link to %p stays in it", async (path, target) => {
    const victim = await openVictim();
    const image = await openImage(place, `${swap}ln -s "$2" "$1"`, path, target || victim.path);
    const machine = await runner.machine(image);
    expect((await machine.run("#!/bin/sh\ntest -c /dev/null && echo in")).stdout).toBe("in\n");
    expect(await victim.look()).toBe(victim.before);
  });

  test("of a build: it fails with the reason, and nothing is published", async () => {
    const victim = await openVictim();
    const { runner: builder, declare, generations } = openDeclared(place);
    declare("led", { create: busybox(place, `rm -rf dev; ln -s ${victim.path} dev`) });
    const { code, stderr } = await builder.call("chroot-create", "led");
    expect(stderr).toContain('Cannot build the image "led" (sealing): it stays as it was.');
    expect(stderr).toContain(`its "/dev" is a link to "${victim.path}", not a directory`);
    expect(code).toBe(2);
    expect(await generations("led")).toEqual([]);
    expect(await victim.look()).toBe(victim.before);
  });

  test("of what seals a change made by hand: the image stays as it was", async () => {
    const { runner: builder, declare, generations } = openDeclared(place);
    declare("changed", { create: busybox(place) });
    expect((await builder.call("chroot-create", "changed")).code).toBe(0);
    const before = await generations("changed");
    const swapped = "rm -f /etc/machine-id; mkfifo /etc/machine-id";
    const { code, stderr } = await builder.call(
      "chroot-login",
      "changed",
      "--",
      "sh",
      "-c",
      swapped,
    );
    expect(stderr).toContain('its "/etc/machine-id" is a device, a socket or a FIFO, not a file');
    expect(code).toBe(2);
    expect(await generations("changed")).toEqual(before);
  });

  test("after a login that puts a link in place of /dev", async () => {
    const victim = await openVictim();
    const image = await openImage(place, "");
    const attack = `unshare -m sh -c "umount -l /dev; umount -l /dev; mv /dev /dev.old; ln -s ${victim.path} /dev"`;
    await runner.call("chroot-login", image, "--", "sh", "-c", `${attack}; exit 0`);
    const name = uniqueName();
    later(() => runner.call("cleanup", "--id", name));
    await runner.call("prepare", "--id", name, image);
    expect(await victim.look()).toBe(victim.before);
  });

  test("of a hand-made image that was made so by a login: it is not exchanged", async () => {
    const image = await openImage(place, "");
    const swapped = "rm -f /etc/machine-id; mkfifo /etc/machine-id";
    const { code, stderr } = await runner.call("chroot-login", image, "--", "sh", "-c", swapped);
    expect(stderr).toContain('its "/etc/machine-id" is a device, a socket or a FIFO, not a file');
    expect(code).toBe(2);
    expect(existsSync(`${place.root}/${image}/etc/machine-id`)).toBe(false);
  });
});
