/** Trees keep their names over mounts and reused inodes, on real file systems. */
import { expect, test } from "bun:test";
import { statSync } from "node:fs";
import {
  awaitDeleters,
  cleanUpAfterEach,
  command,
  later,
  openRunner,
  type Place,
  type Runner,
  scriptFile,
  start,
  uniqueName,
} from "./harness.ts";

cleanUpAfterEach();

/** Its apt installs "hello", which says which state of the image it was installed in. */
const FAKE_APT = `#!/bin/sh
case "$*" in
  *"install -- "*) printf '#!/bin/sh\\necho added to %s\\n' "$(cat /etc/state)" >/bin/hello; chmod +x /bin/hello ;;
esac`;

async function shell(script: string, ...words: string[]): Promise<string> {
  const ended = await command("bash", "-euc", script, ...words);
  expect({ ...ended, ms: 0 }).toMatchObject({ code: 0 });
  return ended.stdout.trim();
}

/** A file system of the test's own, on a loop device. */
async function openDisk(
  type: "btrfs" | "ext4",
): Promise<{ readonly root: string; remount(): Promise<void> }> {
  const root = `/fs/${uniqueName()}`;
  later(() => command("rm", "-r", root, `${root}.img`));
  later(() => command("umount", "--lazy", root));
  await shell(
    `truncate -s 512M $0.img; mkfs.${type} -q $0.img; mkdir $0; mount -o loop $0.img $0`,
    root,
  );
  return {
    root,
    remount: async () => {
      // A deleter that works has the file system in its own mount namespace.
      await awaitDeleters();
      await shell(`umount $0; mount -o loop $0.img $0`, root);
    },
  };
}

/** Puts a directory there by hand, as image "plain". `make` makes the directory itself. */
const putPlain = (root: string, state: string, make: string): Promise<string> =>
  shell(
    `${make} $0/plain; cp -a /fs/ext4/root/nobash/. $0/plain; echo "$1" >$0/plain/etc/state
     echo "$2" >$0/plain/bin/apt-get; chmod +x $0/plain/bin/apt-get`,
    root,
    state,
    FAKE_APT,
  );

/** A job with the package hello: what it says, and whether it was installed for that. */
async function job(
  runner: Runner,
): Promise<{ readonly installed: boolean; readonly said: string }> {
  const name = uniqueName();
  later(() => runner.call("cleanup", "--id", name));
  const prepared = await start(["nspawn-runner", "prepare", "--id", name, "plain"], {
    ...runner.environment,
    CUSTOM_ENV_NSPAWN_PACKAGES: "hello",
  }).ended;
  expect(prepared).toMatchObject({ code: 0 });
  const ran = await runner.call("run", "--id", name, scriptFile("#!/bin/sh\nhello"));
  await runner.call("cleanup", "--id", name);
  return { installed: prepared.stderr.includes("Adding hello"), said: ran.stdout.trim() };
}

test("on btrfs, a mount in which others are looked at first changes nothing", async () => {
  const { root, remount } = await openDisk("btrfs");
  const place: Place = { kind: "btrfs", root };
  const definitions = `/tmp/${uniqueName()}`;
  later(() => command("rm", "-r", definitions));
  await shell(
    `mkdir $0; printf -- '- hosts: all\\n  vars:\\n    nspawn_runner_create: { from: plain }\\n    nspawn_runner_refresh: never\\n' >$0/derived.yaml`,
    definitions,
  );
  const runner = openRunner(place, `definitions_directory = "${definitions}"\n`);
  await putPlain(root, "first", "btrfs -q subvolume create");
  expect(await job(runner)).toEqual({ installed: true, said: "added to first" });
  expect((await runner.call("chroot-create", "derived")).code).toBe(0);
  const before = statSync(`${root}/plain`).dev;
  const devices = new Set([before]);
  // Numbers are given out in the order of the first looks; so one mount after another differs.
  for (const decoys of [1, 3]) {
    await shell(
      `for n in $(seq $1); do btrfs -q subvolume create $0/.decoy-$1-$n; done`,
      root,
      String(decoys),
    );
    await remount();
    await shell(`stat $0/.decoy-*`, root);
    devices.add(statSync(`${root}/plain`).dev);
    expect((await runner.call("gc")).code).toBe(0);
    expect(await job(runner)).toEqual({ installed: false, said: "added to first" });
    const maintained = await runner.call("chroot-maintenance", "--json");
    expect(JSON.parse(maintained.stdout)).toMatchObject([
      { image: "derived", result: "skipped", reason: "it is up to date" },
    ]);
  }
  // Or nothing was tried.
  expect(devices.size).toBeGreaterThan(1);
});

test("on ext4, a directory with the inode of one before it is another", async () => {
  const { root } = await openDisk("ext4");
  const runner = openRunner({ kind: "overlay", root });
  const inodes: number[] = [];
  for (const state of ["first", "second", "third"]) {
    await putPlain(root, state, "mkdir");
    inodes.push(statSync(`${root}/plain`).ino);
    expect(await job(runner)).toEqual({ installed: true, said: `added to ${state}` });
    expect(await job(runner)).toEqual({ installed: false, said: `added to ${state}` });
    await command("rm", "-r", `${root}/plain`);
  }
  // Or nothing was tried.
  expect(new Set(inodes).size).toBeLessThan(inodes.length);
});

test("on ext4, logins give an image a tree at a time, and never the packages of an earlier one", async () => {
  const { root } = await openDisk("ext4");
  const runner = openRunner({ kind: "overlay", root });
  await putPlain(root, "0", "mkdir");
  for (const state of [0, 1, 2, 3]) {
    expect(await job(runner)).toEqual({ installed: true, said: `added to ${state}` });
    const script = `echo ${state + 1} >/etc/state`;
    const login = await runner.call("chroot-login", "plain", "--", "/bin/sh", "-c", script);
    expect(login).toMatchObject({ code: 0 });
    // Until the tree before is deleted, its inode is not free.
    await awaitDeleters();
    await shell(`[ -z "$(ls -A $0/.trash)" ]`, root);
  }
});

test("on btrfs, an image that is a bind mount starts at once, and stays what it is", async () => {
  const { root } = await openDisk("btrfs");
  const runner = openRunner({ kind: "btrfs", root });
  const outside = `/fs/ext4/${uniqueName()}`;
  later(() => command("rm", "-r", outside));
  later(() => command("umount", `${root}/mounted`));
  await shell(
    `mkdir $0 $1/mounted; cp -a /fs/ext4/root/nobash/. $0; mount --bind $0 $1/mounted`,
    outside,
    root,
  );
  const machine = await runner.machine("mounted");
  expect((await machine.run("#!/bin/sh\ncat /etc/os-release")).stdout).toBe("ID=busybox\n");
  const login = await runner.call("chroot-login", "mounted", "--", "/bin/sh", "-c", "echo begun");
  expect(login).toMatchObject({ code: 2, stdout: "" });
  expect(login.stderr).toContain(`something is mounted on "${root}/mounted"`);
  const removal = await runner.call("chroot-remove", "mounted");
  expect(removal.stderr).toContain("a job's machine uses it");
  await runner.call("cleanup", "--id", machine.name);
  expect((await runner.call("chroot-remove", "mounted")).stderr).toContain(
    `umount "${root}/mounted"`,
  );
  expect(await shell(`ls -A $0/.retired 2>/dev/null || true`, root)).toBe("");
});

test("on btrfs, a read-only subvolume starts and goes; a login says how it can be changed", async () => {
  const { root } = await openDisk("btrfs");
  const runner = openRunner({ kind: "btrfs", root });
  await putPlain(root, "first", "btrfs -q subvolume create");
  await shell(`btrfs property set $0/plain ro true`, root);
  const machine = await runner.machine("plain");
  expect((await machine.run("#!/bin/sh\ncat /etc/state")).stdout).toBe("first\n");
  await runner.call("cleanup", "--id", machine.name);
  const login = await runner.call("chroot-login", "plain", "--", "/bin/sh", "-c", "echo begun");
  expect(login).toMatchObject({ code: 2, stdout: "" });
  const made = /Make it writable: (.*)/.exec(login.stderr)?.[1] ?? "false";
  await shell(made);
  expect((await runner.call("chroot-login", "plain", "--", "/bin/true")).code).toBe(0);
  await shell(`btrfs property set $0/plain ro true`, root);
  expect((await runner.call("chroot-remove", "plain")).code).toBe(0);
  expect(await shell(`ls $0`, root)).toBe("");
});

test("on ext4, a machine keeps its tree when the image is renamed and removed", async () => {
  const { root } = await openDisk("ext4");
  const runner = openRunner({ kind: "overlay", root });
  await putPlain(root, "first", "mkdir");
  const machine = await runner.machine("plain");
  await shell(`mv $0/plain $0/other`, root);
  const removal = await runner.call("chroot-remove", "other");
  expect(removal).toMatchObject({ code: 2, stderr: expect.stringContaining("machine uses it") });
  expect((await runner.call("gc")).code).toBe(0);
  expect((await machine.run("#!/bin/sh\ncat /etc/state")).stdout).toBe("first\n");
  await runner.call("cleanup", "--id", machine.name);
  expect((await runner.call("chroot-remove", "other")).code).toBe(0);
});
