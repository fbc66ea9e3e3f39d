/**
 * The limit of what a job writes, on btrfs with simple quotas and in memory; of xfs and ext4 in
 * test/vm/disk-limits.test.ts, as a lab's kernel may have no quotas for them.
 */
import { expect, test } from "bun:test";
import {
  cleanUpAfterEach,
  command,
  later,
  openRunner,
  PLACES,
  type Place,
  scratch,
  uniqueName,
} from "./harness.ts";
import { describeLimitedDisk, type LimitedPlace } from "./limited-disk.ts";

cleanUpAfterEach();

const [DISK, ROOT] = [`${scratch}/limited.img`, `/mnt/${uniqueName()}`];

/** A file system of its own, with that done to it. */
async function openBtrfs(turnOn: readonly string[]): Promise<LimitedPlace> {
  const make =
    'truncate -s 3G "$1"; mkfs.btrfs -q "$1"; mkdir -p "$2"; mount -o loop "$1" "$2"; btrfs -q subvolume create "$2/nosystemd"; cp -a /fs/btrfs/root/nosystemd/. "$2/nosystemd"';
  for (const argv of [
    ["sh", "-euc", make, "sh", DISK, ROOT],
    [...turnOn, ROOT],
  ]) {
    expect(await command(...argv)).toMatchObject({ code: 0 });
  }
  const listLimits = async (): Promise<string[]> => {
    const { stdout } = await command("btrfs", "qgroup", "show", ROOT);
    return stdout.split("\n").filter((line) => /^[1-9]\d*\//.test(line));
  };
  return { kind: "btrfs", root: ROOT, image: "nosystemd", listLimits };
}

const closeBtrfs = () => command("sh", "-c", 'umount "$1"; rmdir "$1"; rm "$0"', DISK, ROOT);

/** By what no image need have: a subvolume, or a snapshot of all, made in the machine. */
const ioctl = (request: string, fd: string): string =>
  `perl -e 'open my $d, "<", "/" or die; my $args = pack("qZ4088", ${fd}, "made"); ioctl($d, ${request}, $args) or die "$!"'`;
const write = (path: string): string => `head -c 150M /dev/zero >${path}`;

/** As "btrfs quota enable --simple", which Debian 12's btrfs has not (BTRFS_IOC_QUOTA_CTL). */
const ENABLE = `import fcntl, os, struct, sys
fcntl.ioctl(os.open(sys.argv[1], 0), 0xc0109428, struct.pack("QQ", 4, 0))`;

describeLimitedDisk("btrfs with simple quotas", {
  open: () => openBtrfs(["python3", "-c", ENABLE]),
  close: closeBtrfs,
  more: [
    [
      "as another user",
      "chmod 1777 /var/tmp; setpriv --reuid=1000 head -c 300M /dev/zero >/var/tmp/big",
    ],
    [
      "into a subvolume of its own",
      `${ioctl("0x5000940e", "0")}; ${write("/made/one")}; ${write("/two")}`,
    ],
    [
      "into a snapshot of itself",
      `${write("/one")}; ${ioctl("0x50009401", "fileno $d")}; ${write("/made/two")}`,
    ],
  ],
});

const tmpfs = PLACES.find(({ kind }) => kind === "tmpfs");
if (tmpfs === undefined) throw new Error("no storage in memory");

test("in memory a limit is the size of what the clone is in, and tmpfs_size is one", async () => {
  for (const setting of ["job_disk", "tmpfs_size"]) {
    const machine = await openRunner(tmpfs, `${setting} = "200M"\n`).machine("nosystemd");
    const { code, stdout, stderr } = await machine.run("head -c 300M /dev/zero >/big");
    expect(code).toBe(1);
    expect(stdout).toContain("No space left on device");
    expect(stderr).toContain("it has written 200M, and may write 200M.");
  }
});

const refuse = async (place: Place): Promise<string> => {
  const runner = openRunner(place, 'job_disk = "200M"\n');
  const { code, stderr } = await runner.call("prepare", "--id", uniqueName(), "nosystemd");
  expect(code).not.toBe(0);
  return stderr;
};

test.each([...PLACES.filter(({ kind }) => kind !== "tmpfs")])(
  "$kind without quotas starts no machine that should be limited, and says what to turn on",
  async (place) => {
    const said = await refuse(place);
    expect(said).toContain("Cannot hold what the job writes to 200M (setting job_disk)");
    expect(said).toMatch(/btrfs quota enable --simple|prjquota/);
  },
);

test("quota groups of the older kind are not used, and it says how to change them", async () => {
  later(closeBtrfs);
  const said = await refuse(await openBtrfs(["btrfs", "quota", "enable"]));
  expect(said).toContain("btrfs quota disable");
});
