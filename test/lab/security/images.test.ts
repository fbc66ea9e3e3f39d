/** Images of strangers: what unpacking one does to the host, and what one does to its own jobs. */
import { describe, expect, test } from "bun:test";
import { openDeclared } from "../declare.ts";
import {
  cleanUpAfterEach,
  command,
  later,
  mustBash,
  openRunner,
  PLACES,
  type Place,
  start,
  uniqueName,
} from "../harness.ts";
import { openVictim } from "../victim.ts";

cleanUpAfterEach();

const PLACE: Place = { kind: "overlay", root: "/fs/ext4/root" };

/** A system of busybox with an attack in it, as a file. */
async function makeArchive(kind: string, victim: string): Promise<string> {
  const path = `/var/tmp/${uniqueName()}.tar`;
  later(() => command("rm", "-f", path));
  const make =
    'tar -C "$1/nobash" -c . | python3 /src/test/lab/security/archives.py "$2" "$3" "$4"';
  await mustBash(make, PLACE.root, kind, path, victim);
  return path;
}

/** Those that overlayfs goes by, and a plain user cannot set. */
const TRUSTED_ATTRIBUTES = `import os, sys
for place, directories, files in os.walk(sys.argv[1]):
    for name in directories + files:
        path = os.path.join(place, name)
        for key in os.listxattr(path, follow_symlinks=False):
            if key.startswith("trusted."): print(path, key)`;

describe("an archive", () => {
  const OUTSIDE = [
    ...["up", "absolute", "link-then-write", "link-chain", "file-over-link", "hard-link-out"],
    ...["hard-link-up", "directory-over-link", "whiteout", "overlay-attributes", "twins", "long"],
    ...["root-is-link", "whiteout-device", "far-numbers"],
  ];

  test.each(OUTSIDE)("of kind %s writes nothing outside of its image", async (kind) => {
    const victim = await openVictim();
    const archive = await makeArchive(kind, victim.path);
    const { runner, declare } = openDeclared(PLACE);
    declare("foreign", { create: { tar: archive } });
    const { stderr } = await runner.call("chroot-create", "foreign");
    expect(stderr).not.toContain("Fault");
    expect(await victim.look()).toBe(victim.before);
    const trees = await mustBash(
      'find "$1/foreign.v" -maxdepth 1 -type d -name "foreign_*" 2>/dev/null || true',
      PLACE.root,
    );
    for (const tree of trees.trim().split("\n").filter(Boolean)) {
      expect(await mustBash('python3 -c "$1" "$2"', TRUSTED_ATTRIBUTES, tree)).toBe("");
    }
  });

  test("by an extractor that trusts links writes outside", async () => {
    const victim = await openVictim();
    const archive = await makeArchive("link-then-write", victim.path);
    // Python of Debian 12 trusts all, and has no word for it.
    const trusting = `import os, sys, tarfile
trusted = {"filter": "fully_trusted"} if hasattr(tarfile, "data_filter") else {}
for member in tarfile.open(sys.argv[1]):
    if member.name in ("way", "way/planted"): tarfile.open(sys.argv[1]).extract(member, sys.argv[2], **trusted)`;
    const target = `/var/tmp/${uniqueName()}`;
    later(() => command("rm", "-rf", target));
    await command("python3", "-c", trusting, archive, target);
    expect(await victim.look()).not.toBe(victim.before);
  });

  test("with devices and setuid programs gives nobody else of the host either", async () => {
    const archive = await makeArchive("devices", "/nowhere");
    const { runner, declare } = openDeclared(PLACE);
    declare("foreign", { create: { tar: archive } });
    expect((await runner.call("chroot-create", "foreign")).code).toBe(0);
    // Devices are not made, and all else is.
    const found = 'find "$1/foreign.v" -mindepth 2 -name setuid -o -type b -o -type c';
    const trees = await mustBash(found, PLACE.root);
    expect(trees).toMatch(/^[^\n]+\/setuid\n$/);
    const as = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c"];
    for (const path of trees.trim().split("\n")) {
      expect((await start([...as, 'cat "$0" >/dev/null', path]).ended).stderr).toContain(
        "ermission denied",
      );
    }
    const machine = await runner.machine("foreign");
    const inside = await machine.run("#!/bin/sh\nhead -c 1 /disk 2>&1; stat -c %u /setuid");
    expect(inside.stdout).toContain("No such file");
  });
});

/** An image of Debian with systemd, changed by root. */
async function openImage(place: Place, change: string): Promise<string> {
  const name = uniqueName();
  const tree = `${place.root}/${name}`;
  later(() =>
    command("bash", "-c", 'btrfs -q subvolume delete "$0" 2>/dev/null || rm -rf "$0"', tree),
  );
  const make =
    place.kind === "btrfs"
      ? 'btrfs -q subvolume snapshot "$2/trixie" "$1" >/dev/null'
      : 'cp -a "$2/trixie" "$1"';
  await mustBash(`${make}; cd "$1"; ${change}`, tree, place.root);
  return name;
}

const places = PLACES.filter(({ kind }) => kind === "btrfs");

describe.each(places)("an image that boots, on $kind,", (place) => {
  const runner = openRunner(place);
  const OURS = "nspawn-runner-agent.service";

  test("with an agent of our name of its own has ours", async () => {
    const name = await openImage(
      place,
      `for place in etc/systemd/system usr/lib/systemd/system etc/systemd/system.control; do
         mkdir -p $place; printf '[Service]\\nExecStart=/bin/false\\n' >$place/${OURS}
         mkdir -p $place/${OURS}.d
       done`,
    );
    const machine = await runner.machine(name);
    expect((await machine.run("systemctl show -P FragmentPath nspawn-runner-agent")).stdout).toBe(
      `/run/nspawn-runner/units/${OURS}\n`,
    );
  });

  test.each([
    [
      "a drop-in that replaces what our agent starts",
      `mkdir -p etc/systemd/system/${OURS}.d; printf '[Service]\\nExecStart=\\nExecStart=/bin/false\\n' >etc/systemd/system/${OURS}.d/x.conf`,
    ],
    ["a mask of it", `mkdir -p etc/systemd/system; ln -s /dev/null etc/systemd/system/${OURS}`],
    [
      "a generator that makes it anew",
      `mkdir -p etc/systemd/system-generators; printf '#!/bin/sh\\nprintf "[Service]\\\\nExecStart=/bin/false\\\\n" >$2/${OURS}\\n' >etc/systemd/system-generators/evil; chmod 755 etc/systemd/system-generators/evil`,
    ],
    [
      "a preset that disables all",
      "mkdir -p etc/systemd/system-preset; echo 'disable *' >etc/systemd/system-preset/00-evil.preset; : >etc/machine-id",
    ],
    ["a library before all others that is not there", "echo /nowhere/evil.so >etc/ld.so.preload"],
    [
      "keys for a server of SSH, and one on all addresses",
      "mkdir -p root/.ssh etc/ssh; echo key >root/.ssh/authorized_keys; echo key >etc/ssh/ssh_host_rsa_key",
    ],
  ])("with %s works, or fails loudly, and harms no other", async (_what, change) => {
    const name = await openImage(place, change);
    const other = await runner.machine("trixie");
    const id = uniqueName();
    later(() => runner.call("cleanup", "--id", id));
    const own = openRunner(place, "boot_timeout = 20\n");
    const { code, stderr } = await own.call("prepare", "--id", id, name);
    if (code === 0) {
      const script = `/var/tmp/${uniqueName()}`;
      later(() => command("rm", "-f", script));
      await Bun.write(script, "#!/bin/sh\necho works\n");
      expect((await own.call("run", "--id", id, script)).stdout).toEndWith("works\n");
    } else {
      expect(code).toBe(2);
      expect(stderr).toContain("ERROR: ");
      expect(stderr).not.toContain("Fault");
    }
    expect((await other.run("echo lives")).stdout).toBe("lives\n");
    expect((await command("true")).code).toBe(0);
  });
});

test("what a machine sees of its host is not another's, nor who the host is", async () => {
  const runner = openRunner({ kind: "btrfs", root: "/fs/btrfs/root" });
  const [one, other] = [await runner.machine("trixie"), await runner.machine("trixie")];
  const script = `
    cat /etc/machine-id /proc/sys/kernel/random/boot_id
    cat /sys/class/dmi/id/product_serial /sys/class/dmi/id/product_uuid 2>/dev/null
    cat /etc/gitlab-runner/config.toml /etc/nspawn-runner/config.toml 2>/dev/null
    ls /run/nspawn-runner/machines /proc/1/root/run/nspawn-runner/machines 2>/dev/null
    hostname`;
  const [first = "", second = ""] = (
    await Promise.all([one, other].map((machine) => machine.run(script)))
  ).map(({ stdout }) => stdout);
  const host = await command(
    "sh",
    "-c",
    "cat /etc/machine-id /proc/sys/kernel/random/boot_id; hostname",
  );
  const words = (text: string): string[] => text.split(/\s+/).filter((word) => word.length > 8);
  expect(words(first).length).toBeGreaterThan(2);
  for (const word of words(host.stdout)) expect(first).not.toContain(word);
  for (const word of words(first)) expect(second).not.toContain(word);
  expect(first).not.toContain(other.name);
});
