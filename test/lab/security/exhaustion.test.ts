/**
 * What a job takes of its host without end, beside a machine that wants its share. Memory, processors and
 * processes need controllers that this lab's kernel may not have: test/vm/limits.test.ts.
 */
import { describe, expect, test } from "bun:test";
import { readFileSync, statfsSync } from "node:fs";
import {
  cleanUpAfterEach,
  command,
  later,
  openRunner,
  PLACES,
  type Place,
  scratch,
  uniqueName,
} from "../harness.ts";

cleanUpAfterEach();

const MIB = 2 ** 20;
/** Of the lab's file systems of 8 GB. */
const ROOM = 5000 * MIB;
const ON_DISK = PLACES.filter(({ kind }) => kind !== "tmpfs");
const FILLED = "The machine was ended: it had written";

const freeBytes = (root: string): number => {
  const { bavail, bsize } = statfsSync(root);
  return bavail * bsize;
};
const freeInodes = (root: string): number => statfsSync(root).ffree;

/** Waits for what comes with a change of the file system, which nobody tells. */
async function until(
  what: string,
  { kind, root }: Place,
  holds: () => boolean,
  seconds = 60,
): Promise<void> {
  for (const end = performance.now() + seconds * 1000; performance.now() < end; ) {
    if (holds()) return;
    // Wakes what drops deleted subvolumes.
    if (kind === "btrfs") await command("btrfs", "filesystem", "sync", root);
    else await command("sync", "--file-system", root);
  }
  throw new Error(`${what} did not come within ${seconds} s`);
}

/** Nobody looks at the disk until the next machine starts. */
const stopWatching = (): Promise<unknown> =>
  command("sh", "-c", "systemctl stop 'nspawn-runner-disk-*.service'");

describe.each([...ON_DISK])("a job that fills the disk (attack 41) on $kind", (place) => {
  /**
   * All but what is less than any reserve, again and again: what others have thrown away comes back. Each
   * part at its own offset: xfs wants as much free as the range is long, whatever of it is there already.
   */
  const fill = (remove: string): string => `
    exec 9>/big; ${remove} size=0 part=1
    while sleep 0.1; do
      set -- $(stat -f -c '%a %S' /)
      more=$((($1 * $2 - ${100 * MIB}) / part))
      [ $more -gt ${MIB} ] || { part=1; continue; }
      if fallocate -o $size -l $more /dev/fd/9; then size=$((size + more)) part=1; echo full
      else part=$((part * 2)); fi
    done`;
  // More than ext4 keeps for root, whose an overlay's upper layer is.
  const wants = `head -c ${700 * MIB} /dev/zero >/wanted && echo written`;
  const awaitRoom = (): Promise<void> => until("room", place, () => freeBytes(place.root) > ROOM);

  test("leaves others nothing where nobody looks", async () => {
    await awaitRoom();
    const runner = openRunner(place);
    const [victim, hog] = [await runner.machine("nosystemd"), await runner.machine("nosystemd")];
    await stopWatching();
    const filling = hog.start(fill(""));
    await filling.awaitOutput("full");
    expect((await victim.run(wants)).stdout).toContain("No space left on device");
    filling.kill("SIGTERM");
    await filling.ended;
  });

  test.each([
    ["a file", ""],
    ["a file without a name", "rm /big;"],
  ])(
    "by %s is ended with the figures, and others go on",
    async (_title, remove) => {
      await awaitRoom();
      const runner = openRunner(place);
      const [victim, hog] = [await runner.machine("nosystemd"), await runner.machine("nosystemd")];
      expect((await victim.run("head -c 1M /dev/zero >/mine")).code).toBe(0);
      const { code, stderr } = await hog.run(fill(remove));
      expect(stderr).toContain(FILLED);
      expect(stderr).toMatch(
        /had written \d+(\.\d)?[MG] in \d+ files, and the host's disk was full/,
      );
      expect(code).toBe(1);
      await until("the hog's space", place, () => freeBytes(place.root) > ROOM);
      expect((await victim.run(wants)).stdout).toBe("written\n");
      // Its other scripts are told the same.
      expect((await hog.run("true")).stderr).toContain(FILLED);
    },
    120_000,
  );
});

/** A file system of its own, with few inodes. */
async function openTinyPlace(): Promise<Place> {
  const name = uniqueName();
  const [disk, root] = [`${scratch}/${name}.img`, `/mnt/${name}`];
  const made = await command(
    "sh",
    "-euc",
    'truncate -s 2G "$1"; mkfs.ext4 -q -N 24000 "$1"; mkdir -p "$2"; mount -o loop "$1" "$2"; cp -a /fs/ext4/root/nosystemd "$2"',
    "sh",
    disk,
    root,
  );
  later(() => command("sh", "-c", `umount ${root}; rmdir ${root}; rm ${disk}`));
  expect(made).toMatchObject({ code: 0 });
  return { kind: "overlay", root };
}

test("a job that takes all inodes (attack 41) is ended, and others go on", async () => {
  const place = await openTinyPlace();
  const sow =
    "mkdir /many; cd /many; i=0; while : >f$i; do i=$((i+1)); done 2>/dev/null; echo sown";
  const wants =
    "mkdir /mine && cd /mine && for i in 1 2 3 4 5 6 7 8 9; do : >f$i; done && echo written";
  const runner = openRunner(place);
  const [victim, unwatched] = [
    await runner.machine("nosystemd"),
    await runner.machine("nosystemd"),
  ];
  await stopWatching();
  expect((await unwatched.run(sow)).stdout).toBe("sown\n");
  expect((await victim.run(wants)).code).not.toBe(0);
  // The next machine has it watched again.
  await unwatched.run("rm -rf /many");
  const hog = await runner.machine("nosystemd");
  const { code, stderr } = await hog.run(`${sow}; sleep 100`);
  expect(stderr).toContain(FILLED);
  expect(stderr).toContain("inodes are kept free");
  expect(code).toBe(1);
  await until("the hog's inodes", place, () => freeInodes(place.root) > 5000);
  expect((await victim.run(wants)).stdout).toBe("written\n");
}, 120_000);

describe("limits of a machine", () => {
  const [place] = ON_DISK;
  if (place === undefined) throw new Error("no storage");
  const show = async (unit: string, names: string): Promise<string[]> =>
    (await command("systemctl", "show", `--property=${names}`, unit)).stdout
      .trim()
      .split("\n")
      .sort();

  test("stand at its slice, and all machines have one above (attacks 39, 40)", async () => {
    const more = 'job_memory = "1G"\njob_swap = "0"\njob_tasks = 300\njob_cpus = 1.5\n';
    const machine = await openRunner(place, more).machine("nosystemd");
    const slice = machine.unit
      .replace("nspawn-runner-", "nspawn_runner-")
      .replace("service", "slice");
    const names = "MemoryMax,MemoryHigh,MemorySwapMax,TasksMax,CPUQuotaPerSecUSec";
    expect(await show(slice, names)).toEqual([
      "CPUQuotaPerSecUSec=1.500000s",
      `MemoryHigh=${(2 ** 30 / 32) * 31}`,
      `MemoryMax=${2 ** 30}`,
      "MemorySwapMax=0",
      "TasksMax=300",
    ]);
    expect(await show(machine.unit, "MemoryMax,TasksMax,OOMScoreAdjust,OOMPolicy")).toEqual([
      "MemoryMax=infinity",
      "OOMPolicy=continue",
      "OOMScoreAdjust=500",
      "TasksMax=infinity",
    ]);
    const above = await show("nspawn_runner.slice", "MemoryMax,TasksMax");
    expect(above.join()).not.toContain("infinity");
  });

  test("hold what every process may take: no core dumps, files as systemd has them (attack 43)", async () => {
    const machine = await openRunner(place).machine("nosystemd");
    const { stdout } = await machine.run("cat /proc/self/limits");
    expect(stdout).toMatch(/Max core file size +1 +1 /);
    expect(stdout).toMatch(/Max open files +1024 +(524288|20000) /);
    const host = readFileSync("/proc/1/limits", "utf8");
    expect(host).not.toMatch(/Max core file size +\S+ +[01] /);
  });

  test("bound how many cgroups it makes, and how deep (attack 40)", async () => {
    const make =
      'i=0; while mkdir "$1/c$i" 2>/dev/null; do i=$((i+1)); [ $i -lt 3000 ] || break; done; echo $i';
    const deep =
      'd=$1; i=0; while [ $i -lt 100 ] && mkdir "$d/d" 2>/dev/null; do d=$d/d; i=$((i+1)); done; echo $i';
    const own = "set -- /sys/fs/cgroup$(cut -d: -f3- /proc/self/cgroup | tail -1);";
    // A cgroup of the host's has no such bounds.
    const outside = await command(
      "sh",
      "-c",
      `set -- /sys/fs/cgroup/bounds; mkdir $1; ${make}; rmdir $1/c*; ${deep}; find $1 -depth -type d -exec rmdir {} +`,
    );
    expect(outside.stdout).toBe("3000\n100\n");
    const machine = await openRunner(place).machine("trixie");
    const wide = Number((await machine.run(`${own} ${make}; rmdir $1/c*`)).stdout.split("\n")[0]);
    expect(wide).toBeGreaterThan(500);
    expect(wide).toBeLessThanOrEqual(1024);
    const depth = Number((await machine.run(`${own} ${deep}`)).stdout);
    expect(depth).toBeGreaterThan(10);
    expect(depth).toBeLessThanOrEqual(32);
  });
});
