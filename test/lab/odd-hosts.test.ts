/** Hosts that cannot run machines: one sentence, what to do, exit code 2, and nothing left behind. */
import { expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import {
  cleanUpAfterEach,
  command,
  type Ended,
  expectNothingLeft,
  later,
  openRunner,
  type Place,
  start,
  uniqueName,
} from "./harness.ts";

cleanUpAfterEach();

const PLACE: Place = { kind: "overlay", root: "/fs/ext4/root" };

/** `prepare` in a mount namespace of its own, where `change` has been done to the host. */
async function prepareOn(
  change: string,
  how: { readonly place?: Place; readonly environment?: Readonly<Record<string, string>> } = {},
): Promise<Ended> {
  const place = how.place ?? PLACE;
  const name = uniqueName();
  const { environment } = openRunner(place);
  later(() => expectNothingLeft(place, name));
  const script = `${change}\nexec nspawn-runner prepare --id ${name} nobash`;
  const argv = ["unshare", "--mount", "bash", "-euc", script];
  return start(argv, how.environment ?? environment).ended;
}

/** What a person reads: what, perhaps why, and what to do, without a fault of ours. */
function expectExplained(ended: Ended, what: string, todo: string): void {
  const told = ended.stderr.split("\n").filter((line) => !line.startsWith("Only root can look"));
  expect(told[0]).toStartWith(`ERROR: ${what}`);
  expect(ended.stderr).toContain(`\nHint: ${todo}`);
  expect(ended.stderr).not.toContain("Fault");
  expect(told.length).toBeLessThanOrEqual(5);
  expect(ended.code).toBe(2);
}

const AS_NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "nspawn-runner"];

test.each([
  ["prepare", ["prepare", "--id", "x", "nobash"], "Machines can only be started by root."],
  ["run", ["run", "--id", "x", "/etc/passwd"], "Machines can only be used by root."],
  ["cleanup", ["cleanup", "--id", "x"], "Machines can only be used by root."],
])("%s by somebody who is not root", async (_title, argv, what) => {
  const { environment } = openRunner(PLACE);
  const ended = await start([...AS_NOBODY, ...argv], {
    ...environment,
    NSPAWN_RUNNER_CONFIG: "/dev/null",
  }).ended;
  expectExplained(ended, what, "Let gitlab-runner run as root");
});

test("no systemd-nspawn", async () => {
  const ended = await prepareOn(`
    mount -t tmpfs tmpfs /mnt
    mkdir /mnt/upper /mnt/work
    mknod /mnt/upper/systemd-nspawn c 0 0 # how overlayfs hides a file
    mount -t overlay -o lowerdir=/usr/bin,upperdir=/mnt/upper,workdir=/mnt/work overlay /usr/bin`);
  expectExplained(ended, 'This host has no "systemd-nspawn".', "Install it: apt-get install");
});

test("no cgroup v2", async () => {
  const ended = await prepareOn("mount -t tmpfs tmpfs /sys/fs/cgroup");
  expectExplained(ended, "This host has no unified cgroup hierarchy", "Boot it without");
});

test("PID 1 is not systemd", async () => {
  const ended = await prepareOn("mount -t tmpfs tmpfs /run/systemd");
  expectExplained(ended, "This host was not booted with systemd", "Run nspawn-runner on a host");
});

test("the root directory is on an unsuitable file system", async () => {
  // Of the lab itself: an overlay, which cannot hold the upper layer of another.
  const root = "/var/tmp/unsuitable";
  later(() => command("rm", "-r", root));
  await command("bash", "-c", `mkdir ${root} && cp -a /fs/ext4/root/nobash ${root}`);
  const ended = await prepareOn("", { place: { kind: "overlay", root } });
  expectExplained(ended, `Cannot clone images in "${root}": `, "Put root_directory on a local");
});

test("the root directory is read-only", async () => {
  for (const place of [PLACE, { kind: "reflink", root: "/fs/xfs/root" } as const]) {
    const { root } = place;
    const change = `mount --bind ${root} ${root} && mount -o remount,bind,ro ${root}`;
    const ended = await prepareOn(change, { place });
    expectExplained(ended, `Cannot change "${root}`, "Mount it writable");
  }
});

/** An ext4 of 32 MB with the image nobash, and `freeBytes` left; gone after the test. */
async function openSmallDisk(freeBytes: number): Promise<string> {
  const root = `/fs/${uniqueName()}`;
  later(() => command("rm", "-r", root, `${root}.img`));
  later(() => command("umount", "--lazy", root));
  const script = `
    truncate -s 32M $0.img && mkfs.ext4 -q -m 0 $0.img && mkdir $0 && mount -o loop $0.img $0
    cp -a /fs/ext4/root/nobash $0
    available=$(df --output=avail --block-size=1 $0 | tail -n 1)
    head -c $((available - $1)) /dev/zero > $0/ballast 2>/dev/null || true`;
  const made = await command("bash", "-euc", script, root, String(freeBytes));
  expect(made).toMatchObject({ code: 0, stderr: "" });
  return root;
}

test("the disk is full", async () => {
  const root = await openSmallDisk(0);
  for (const kind of ["overlay", "tmpfs"] as const) {
    const ended = await prepareOn("", { place: { kind, root } });
    expectExplained(ended, "There is no space left for", "Look at its file system with df");
  }
});

test("the disk becomes full while an image is copied", async () => {
  const root = await openSmallDisk(1_000_000);
  const before = readdirSync(root);
  const runner = openRunner({ kind: "overlay", root });
  const ended = await runner.call("chroot-login", "nobash", "--", "/bin/true");
  expect(ended.stderr).toMatch(/^ERROR: "cp -a .*" failed .* No space left on device$/m);
  expect(ended.code).toBe(2);
  for (const place of ["drafts", "trash"]) expect(readdirSync(`${root}/.${place}`)).toEqual([]);
  expect(readdirSync(root).filter((entry) => !entry.startsWith("."))).toEqual(
    before.filter((entry) => !entry.startsWith(".")),
  );
});

test("the usual root directory is missing", async () => {
  const hidden = "/var/lib/nspawn-runner";
  expect(existsSync(hidden)).toBe(false);
  const ended = await prepareOn("", { environment: {} });
  expectExplained(ended, `The root directory "${hidden}" is not there.`, "Create a first image");
  expect(existsSync(hidden)).toBe(false);
});

test("the root directory's file system is not mounted: nothing is missing by a job's fault, or built", async () => {
  const { environment } = openRunner(PLACE);
  const declared = "/tmp/declared";
  const ended = await prepareOn(
    `mount -t tmpfs -o mode=0755 tmpfs ${PLACE.root}
    mkdir -p ${declared}
    printf '%s\n' '- hosts: all' '  vars: {nspawn_runner_create: {from: trixie}}' >${declared}/nobash.yaml
    trap 'ls -A ${PLACE.root} >&2' EXIT
    export NSPAWN_RUNNER_CONFIG=/tmp/unmounted.toml
    printf 'root_directory = "${PLACE.root}"\ndefinitions_directory = "${declared}"\n' >$NSPAWN_RUNNER_CONFIG`,
    { environment },
  );
  later(() => command("rm", "-r", declared, "/tmp/unmounted.toml"));
  expectExplained(ended, `The root directory "${PLACE.root}" is empty`, "Mount it");
  const maintained = await start(
    [
      "unshare",
      "--mount",
      "bash",
      "-euc",
      `mount -t tmpfs -o mode=0755 tmpfs ${PLACE.root}; nspawn-runner chroot-maintenance || code=$?; ls -A ${PLACE.root}; exit $code`,
    ],
    { NSPAWN_RUNNER_CONFIG: "/tmp/unmounted.toml" },
  ).ended;
  expect(maintained.stdout).toBe("");
  expectExplained(maintained, `The root directory "${PLACE.root}" is empty`, "Mount it");
});
