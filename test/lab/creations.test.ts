/** A creation is a service: whatever a creator does, and however its build ends, the host is as it was. */
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { busybox, expectNothingHalf, openDeclared } from "./declare.ts";
import {
  awaitUnitsGone,
  cleanUpAfterEach,
  command,
  later,
  PLACES,
  type Place,
  type Runner,
  uniqueName,
} from "./harness.ts";
import { listCreations } from "./run-steps.ts";

cleanUpAfterEach();

const nameOf = (list: string): string => list.split(" ", 1)[0] ?? "";

/** No service of a creation, no draft, no mount, and no process that was started with that word. */
async function expectNothingOf(place: Place, mark: string): Promise<void> {
  awaitUnitsGone(() => listCreations() !== "");
  expect(listCreations()).toBe("");
  expectNothingHalf(place);
  expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(".drafts");
  expect((await command("pgrep", "--full", mark)).stdout).toBe("");
}

/** A directory of the host with a file in it, and a FIFO that a creator waits at. */
function openHostPlace() {
  const path = `/var/tmp/${uniqueName()}`;
  mkdirSync(`${path}/bound`, { recursive: true });
  writeFileSync(`${path}/bound/file`, "the host's\n");
  Bun.spawnSync(["mkfifo", `${path}/gate`]);
  later(() => rmSync(path, { recursive: true }));
  return { bound: `${path}/bound`, gate: `${path}/gate`, late: `${path}/late`, mark: path };
}

/** Of which one fails with the mount in place, one waits with it, and one is killed with it. */
const MOUNTS = (bound: string): string => `
cp -a /fs/btrfs/root/nobash/. "$1"
mkdir -p "$1/mnt" "$1/dev"
mount --bind ${bound} "$1/mnt"
mount --rbind /dev "$1/dev"
mount -t tmpfs nspawn-runner-test /mnt`;

describe.each([...PLACES])("a command that mounts, on $kind,", (place) => {
  test("and fails, leaves the host's directories as they are, and no mount", async () => {
    const { bound, mark } = openHostPlace();
    const { runner, declare } = openDeclared(place);
    declare("mounting", {
      create: { command: `${MOUNTS(bound)}\nls "$1/mnt"; echo no >&2; exit 3` },
    });
    const devices = readdirSync("/dev").length;
    const { code, stderr } = await runner.call("chroot-create", "mounting");
    expect({ code, stderr }).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("exit status 3"),
    });
    expect(readFileSync(`${bound}/file`, "utf8")).toBe("the host's\n");
    expect(readdirSync("/dev").length).toBe(devices);
    expect(readFileSync("/proc/self/mounts", "utf8")).not.toContain("nspawn-runner-test");
    await expectNothingOf(place, mark);
  });

  test("and is killed with its build, leaves nothing but what the next build removes", async () => {
    const { bound, gate, late, mark } = openHostPlace();
    const { runner, declare } = openDeclared(place);
    declare("mounting", {
      create: {
        command: `${MOUNTS(bound)}\ncat ${gate}; echo late >${late}; touch "$1/root/late"`,
      },
    });
    const building = runner.start("chroot-create", "mounting", "--verbose");
    await building.awaitOutput("mounting: Creating");
    // Somebody reads from it when this returns: the creator is there.
    await command("bash", "-c", `exec 3>${gate}; kill -KILL ${building.pid}`);
    await building.ended;
    declare("mounting", { create: busybox(place), test: "test ! -e /root/late" });
    expect(await runner.call("chroot-create", "mounting")).toMatchObject({ code: 0 });
    expect(readFileSync(`${bound}/file`, "utf8")).toBe("the host's\n");
    await expectNothingOf(place, mark);
  });
});

const [btrfs, ext4] = ["btrfs", "overlay"].map((kind) =>
  PLACES.find((place) => place.kind === kind),
);
if (btrfs === undefined || ext4 === undefined) throw new Error("the lab has no such file system");

test("a creator that outlives all who could end it is ended by the next build", async () => {
  const { gate, late, mark } = openHostPlace();
  const { runner, declare } = openDeclared(ext4);
  declare("orphaned", { create: { command: `cat ${gate}; echo late >${late}; touch "$1/late"` } });
  const building = runner.start("chroot-create", "orphaned");
  await building.awaitOutput("orphaned: Creating");
  while ((await command("pgrep", "--full", `^cat ${gate}`)).code !== 0);
  const unit = nameOf(listCreations());
  // As when the kernel, or a service's end, kills all of a cgroup: who attends to the unit as well.
  await command(
    "bash",
    "-c",
    `kids() { for kid in $(pgrep --parent $1); do kids $kid; echo $kid; done; }
    kill -STOP ${building.pid}; kill -KILL $(kids ${building.pid}) ${building.pid}`,
  );
  await building.ended;
  expect(listCreations()).toContain(unit);
  declare("orphaned", { create: busybox(ext4), test: "test ! -e /late" });
  expect(await runner.call("chroot-create", "orphaned")).toMatchObject({ code: 0 });
  expect(listCreations()).toBe("");
  expect(existsSync(late)).toBe(false);
  await expectNothingOf(ext4, mark);
});

/** What is to be seen of a creation from tar, in the order in which it comes. */
const SIGHTS: Readonly<Record<string, string>> = {
  "its draft": ".drafts/phased=*",
  "its tree": ".drafts/phased=*/root",
  "its first service": ".drafts/phased=*/units/*/script",
  "its archive": ".drafts/phased=*/work/archive",
  "its service that unpacks": ".drafts/phased=*/units/*/unpacking.json",
  "what is unpacked": ".drafts/phased=*/root/bin",
};

const AFTERWARDS: Readonly<Record<string, (runner: Runner) => Promise<unknown>>> = {
  "the next build": async (runner) =>
    expect(await runner.call("chroot-create", "phased")).toMatchObject({ code: 0 }),
  gc: async (runner) => expect(await runner.call("gc")).toMatchObject({ code: 0 }),
};

describe.each([btrfs, ext4])("a creation on $kind", (place) => {
  describe.each(Object.keys(AFTERWARDS))("and then %s,", (afterwards) => {
    test.each(Object.keys(SIGHTS))("killed at the sight of %s, leaves nothing", async (sight) => {
      const archive = `/var/tmp/${uniqueName()}.tar.gz`;
      later(() => rmSync(archive));
      await command("tar", "-C", `${place.root}/nobash`, "-czf", archive, ".");
      const { runner, declare } = openDeclared(place);
      declare("phased", { create: { tar: archive } });
      const building = runner.start("chroot-create", "phased");
      let alive = true;
      const ended = building.ended.finally(() => {
        alive = false;
      });
      const glob = new Bun.Glob(SIGHTS[sight] ?? "");
      const isSeen = (): boolean =>
        !glob.scanSync({ cwd: place.root, dot: true, onlyFiles: false }).next().done;
      while (alive && !isSeen()) await new Promise(setImmediate);
      building.kill("SIGKILL");
      await ended;
      await AFTERWARDS[afterwards]?.(runner);
      await expectNothingOf(place, archive);
    });
  });
});

test("no two drafts have one name", async () => {
  const { gate } = openHostPlace();
  const { runner, declare } = openDeclared(ext4);
  const seen: string[] = [];
  for (let round = 0; round < 3; round += 1) {
    declare("named", { create: { command: `echo ${round}; cat ${gate}; exit 1` } });
    const building = runner.start("chroot-create", "named");
    await building.awaitOutput("named: Creating");
    await command("bash", "-c", `exec 3>${gate}`);
    seen.push(...((await building.ended).stderr.match(/named=\w+/g) ?? []));
    const log = /The whole log is "(.*)"/.exec((await building.ended).stderr)?.[1] ?? "";
    seen.push(...(readFileSync(log, "utf8").match(/\.drafts\/named=[^/]+/) ?? []));
  }
  expect(new Set(seen).size).toBe(3);
});

test("^C ends a creation at once, with all that it has started", async () => {
  const { gate, mark } = openHostPlace();
  const { runner, declare } = openDeclared(btrfs);
  declare("long", {
    create: {
      command: `trap '' TERM INT HUP; setsid bash -c "sleep 1000" ${mark} & cat ${gate}; wait`,
    },
  });
  const building = runner.start("chroot-create", "long");
  await building.awaitOutput("long: Creating");
  await command("bash", "-c", `exec 3>${gate}`);
  const told = performance.now();
  building.kill("SIGINT");
  expect((await building.ended).code).toBe(2);
  expect(performance.now() - told).toBeLessThan(5000);
  await expectNothingOf(btrfs, mark);
});

test("what a creator says is seen while it works, and is in the log", async () => {
  const { gate } = openHostPlace();
  const { runner, declare } = openDeclared(btrfs);
  declare("talking", {
    create: { command: `echo on stdout; echo on stderr >&2; cat ${gate}; echo the last; exit 5` },
  });
  const building = runner.start("chroot-create", "talking", "--verbose");
  await building.awaitOutput("on stdout");
  await building.awaitOutput("on stderr");
  await command("bash", "-c", `exec 3>${gate}`);
  const { stderr } = await building.ended;
  expect(stderr).toContain('"bash" ended with exit status 5.');
  const log = readFileSync(/The whole log is "(.*)"/.exec(stderr)?.[1] ?? "", "utf8");
  for (const words of ["on stdout\n", "on stderr\n", "the last\n"]) expect(log).toContain(words);
});

test("a creation has the limits of builds", async () => {
  const { gate } = openHostPlace();
  const { runner, declare } = openDeclared(
    btrfs,
    'build_memory = "700M"\nbuild_cpus = 1.5\nbuild_timeout = 333\n',
  );
  declare("limited", { create: { command: `cat ${gate}; exit 1` } });
  const building = runner.start("chroot-create", "limited");
  await building.awaitOutput("limited: Creating");
  while (listCreations() === "");
  const unit = nameOf(listCreations());
  const properties = "MemoryMax,TasksMax,CPUQuotaPerSecUSec,RuntimeMaxUSec,PrivateMounts,Slice";
  const shown = await command("systemctl", "show", `--property=${properties}`, unit);
  expect(shown.stdout.trim().split("\n").sort()).toEqual([
    ...["CPUQuotaPerSecUSec=1.500000s", "MemoryMax=734003200", "PrivateMounts=yes"],
    ...["RuntimeMaxUSec=5min 33s", "Slice=nspawn_runner-build.slice", "TasksMax=16384"],
  ]);
  await command("bash", "-c", `exec 3>${gate}`);
  await building.ended;
});

test("a creation that takes longer than builds may is ended, and the setting is named", async () => {
  const { mark } = openHostPlace();
  const { runner, declare } = openDeclared(btrfs, "build_timeout = 1\n");
  declare("slow", { create: { command: `bash -c "sleep 1000; true" ${mark}` } });
  const { code, stderr } = await runner.call("chroot-create", "slow");
  expect(code).toBe(2);
  expect(stderr).toContain("It took longer than build_timeout allows.");
  await expectNothingOf(btrfs, mark);
});
