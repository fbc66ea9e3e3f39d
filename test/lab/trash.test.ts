/** Whatever a job, an image or a creator leaves is gone within a bound, and in nobody's way. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  watch,
  writeFileSync,
} from "node:fs";
import { discardedPlace } from "../../src/storage/trash.ts";
import { openDeclared } from "./declare.ts";
import {
  awaitDeleters,
  cleanUpAfterEach,
  command,
  later,
  must,
  openRunner,
  type Place,
  uniqueName,
} from "./harness.ts";

cleanUpAfterEach();

const DISKS = ["btrfs", "xfs", "ext4"] as const;
const ON: Readonly<Record<(typeof DISKS)[number], Place["kind"]>> = {
  btrfs: "btrfs",
  xfs: "reflink",
  ext4: "overlay",
};

/** A root directory of its own, with a driver for it. */
function openPlace(disk: (typeof DISKS)[number]) {
  const root = `/fs/${disk}/${uniqueName()}`;
  mkdirSync(`${root}/.trash`, { recursive: true });
  later(() => rmSync(root, { recursive: true }));
  const tree = discardedPlace(root, "tree");
  return { root, trash: `${root}/.trash`, tree, runner: openRunner({ kind: ON[disk], root }) };
}

const hostile = (kind: string, directory: string, count = 2000): Promise<string> =>
  must("env", `COUNT=${count}`, "perl", "/src/test/lab/hostile.pl", kind, directory);

/** Waits for the deleter's work. */
async function awaitEmpty(trash: string, withinMs: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const look = (): void => {
    if (readdirSync(trash).length === 0) resolve();
  };
  const watcher = watch(trash, look);
  const timer = setTimeout(() => {
    reject(new Error(`after ${withinMs} ms there is still ${readdirSync(trash)}`));
  }, withinMs);
  look();
  await promise.finally(() => {
    watcher.close();
    clearTimeout(timer);
  });
}

describe.each([...DISKS])("on %s", (disk) => {
  const kinds = ["deep", "names"];
  const more = ["subvolumes", "named-subvolumes", "chain"];
  test.each(disk === "btrfs" ? [...kinds, ...more] : kinds)("%s", async (kind) => {
    const { trash, tree, runner } = openPlace(disk);
    await hostile(kind, tree);
    expect((await runner.call("gc")).code).toBe(0);
    await awaitEmpty(trash, 30_000);
  });

  test("flags, and mounts that lead into the host", async () => {
    const { root, trash, tree, runner } = openPlace(disk);
    for (const name of ["bind", "tmpfs", "flags"])
      mkdirSync(`${tree}/${name}`, { recursive: true });
    // Of the same file system: its device number is that of the tree.
    mkdirSync(`${root}/host`);
    writeFileSync(`${root}/host/file`, "the host's");
    await must("mount", "--bind", `${root}/host`, `${tree}/bind`);
    await must("mount", "-t", "tmpfs", "tmpfs", `${tree}/tmpfs`);
    writeFileSync(`${tree}/tmpfs/file`, "");
    for (const name of ["immutable", "growing"]) writeFileSync(`${tree}/flags/${name}`, "");
    await must("chattr", "+a", `${tree}/flags/growing`);
    await must("chattr", "+i", `${tree}/flags/immutable`, `${tree}/flags`);
    expect((await runner.call("gc")).code).toBe(0);
    await awaitEmpty(trash, 10_000);
    expect(readFileSync(`${root}/host/file`, "utf8")).toBe("the host's");
    expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(root);
  });
});

test("a deleter that is killed goes on, and two do no harm", async () => {
  const { root, trash, tree, runner } = openPlace("btrfs");
  await hostile("subvolumes", tree, 5000);
  expect((await runner.call("gc")).code).toBe(0);
  const units = async (): Promise<string[]> =>
    (await must("systemctl", "list-units", "--plain", "--no-legend", "nspawn-runner-trash-*"))
      .split("\n")
      .flatMap((line) => line.split(" ")[0] || []);
  const [unit = ""] = await units();
  await must("systemctl", "kill", "--signal=KILL", unit);
  const others = [1, 2, 3].map(() => command("nspawn-runner", "internal-empty-trash", root));
  for (const other of await Promise.all(others)) expect(other.code).toBe(0);
  await awaitEmpty(trash, 60_000);
});

test("what cannot be deleted is set aside, named, and not in the way", async () => {
  const { trash, tree, runner } = openPlace("ext4");
  mkdirSync(tree);
  writeFileSync(`${tree}/file`, "");
  await must("chattr", "+i", `${tree}/file`);
  later(() => command("bash", "-c", `chattr -f -i ${tree}/file ${trash}/kept=*/*/file`));
  // As where there is no chattr(1).
  const chattr = "/usr/bin/chattr";
  await must("mount", "--bind", "/bin/false", chattr);
  later(() => command("umount", "--quiet", chattr));
  mkdirSync(`${tree}-besides`);
  expect((await runner.call("gc")).code).toBe(0);
  const gone = 'until [ "$(ls "$0" | grep -vc ^kept)" = 0 ]; do :; done';
  await must("timeout", "20", "bash", "-c", gone, trash);
  await must("umount", chattr);
  const said = await runner.call("gc", "--dry-run");
  expect(said.stdout).toMatch(/"\S+\/kept=[^"]+\/discarded=tree" cannot be deleted\. \S.*\.\n/);
});

// Twenty seconds to make them, forty to delete them.
if (process.env.NSPAWN_RUNNER_SOAK !== undefined) {
  test("50,000 subvolumes", async () => {
    const { trash, tree, runner } = openPlace("btrfs");
    await hostile("subvolumes", tree, 50_000);
    expect((await runner.call("gc")).code).toBe(0);
    await awaitEmpty(trash, 110_000);
  });
}

describe("a job beside a full trash", () => {
  const root = "/fs/btrfs/root";
  const runner = openRunner({ kind: "btrfs", root });
  const ROUNDS = 9;

  test("starts and ends as soon as without", async () => {
    const once = async (): Promise<{ prepare: number; cleanup: number }> => {
      const name = uniqueName();
      later(() => runner.call("cleanup", "--id", name));
      const prepared = await runner.call("prepare", "--id", name, "nosystemd");
      expect(prepared.code).toBe(0);
      return { prepare: prepared.ms, cleanup: (await runner.call("cleanup", "--id", name)).ms };
    };
    // A snapshot commits what was written by then: here that is to be the deleter's alone.
    const settle = () => must("sync", "--file-system", root);
    const median = (values: readonly number[]): number =>
      values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
    await once();
    const ratios: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      await awaitEmpty(`${root}/.trash`, 30_000);
      await settle();
      const without = await once();
      for (const kind of ["deep", "subvolumes"]) {
        // Not in the trash itself, where a deleter may be at work.
        const tree = `${root}/.made-${kind}`;
        await hostile(kind, tree, 300);
        await must("mv", tree, discardedPlace(root, kind));
      }
      await settle();
      expect((await runner.call("gc")).code).toBe(0);
      const beside = await once();
      ratios.push(beside.prepare / without.prepare);
    }
    await awaitEmpty(`${root}/.trash`, 60_000);
    // 1.02 to 1.05 on a quiet host (docs/decisions/0011), and 1.18 beside a deleter that goes on. The
    // rest is for a host that does something else besides; who waited would take five times as long.
    expect(median(ratios)).toBeLessThan(1.3);
  }, 240_000);
});

test("a creation that leaves the host's own directories mounted in its tree takes nothing of them", async () => {
  const place = { kind: "btrfs", root: "/fs/btrfs/root" } as const;
  const { runner, declare } = openDeclared(place);
  const theirs = `/fs/btrfs/${uniqueName()}`;
  mkdirSync(theirs);
  later(() => rmSync(theirs, { recursive: true }));
  writeFileSync(`${theirs}/file`, "the host's");
  const text = `mkdir "$1/mnt" "$1/proc"\nmount --bind ${theirs} "$1/mnt"\nmount -t proc proc "$1/proc"\nexit 3\n`;
  declare("mounting", { create: { command: text } });
  expect((await runner.call("chroot-create", "mounting")).code).toBe(2);
  await awaitEmpty(`${place.root}/.trash`, 10_000);
  expect(readFileSync(`${theirs}/file`, "utf8")).toBe("the host's");
  expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(
    theirs.slice("/fs/btrfs".length),
  );
});

describe("/run", () => {
  const count = async (): Promise<number> =>
    (await must("find", "/run", "-xdev")).split("\n").length;

  test("has after 20 jobs what it had before", async () => {
    const runner = openRunner({ kind: "btrfs", root: "/fs/btrfs/root" });
    const job = async (): Promise<void> => {
      const name = uniqueName();
      later(() => runner.call("cleanup", "--id", name));
      expect((await runner.call("prepare", "--id", name, "nosystemd")).code).toBe(0);
      expect((await runner.call("cleanup", "--id", name)).code).toBe(0);
    };
    await job();
    const settle = async (): Promise<void> => {
      await awaitEmpty("/fs/btrfs/root/.trash", 10_000);
      await awaitDeleters();
    };
    await settle();
    const before = await count();
    for (let round = 0; round < 20; round += 1) await job();
    await settle();
    expect(await count()).toBe(before);
  }, 120_000);

  test.each([
    ["bytes", "size=1M", 'cat /dev/zero > "$0/fill"; true'],
    [
      "inodes",
      "nr_inodes=60",
      'i=0; while : 2>/dev/null > "$0/fill-$i"; do i=$((i+1)); done; true',
    ],
  ])("when it is full of %s, a machine is released all the same", async (_what, option, fill) => {
    const directory = "/run/nspawn-runner";
    const root = "/fs/btrfs/root";
    mkdirSync(directory, { recursive: true });
    await must("mount", "-t", "tmpfs", "-o", `${option},mode=0700`, "tmpfs", directory);
    later(() => must("umount", "--lazy", directory));
    const runner = openRunner({ kind: "btrfs", root });
    for (const end of ["by itself", "by cleanup"]) {
      const name = uniqueName();
      later(() => runner.call("cleanup", "--id", name));
      expect(await runner.call("prepare", "--id", name, "nosystemd")).toMatchObject({ code: 0 });
      await must("bash", "-c", `${fill}`, directory);
      const unit = `nspawn-runner-${name.replaceAll("-", "\\x2d")}.service`;
      if (end === "by itself") {
        await must("systemctl", "kill", "--signal=KILL", unit);
        await must(
          "timeout",
          "10",
          "bash",
          "-c",
          'until [ "$(systemctl show -P ActiveState "$0")" = inactive ]; do :; done',
          unit,
        );
        expect(existsSync(`${directory}/machines/${name}/end.json`)).toBe(true);
      } else expect(await runner.call("cleanup", "--id", name)).toMatchObject({ code: 0 });
      expect(readdirSync(`${root}/.machines`)).not.toContain(name);
      expect(readdirSync(`${directory}/id-ranges`)).toEqual([]);
      await must("bash", "-c", `rm -f ${directory}/fill*`);
    }
  });
});

describe("a systemctl stop that fails", () => {
  const real = "/usr/bin/systemctl";
  const copy = "/tmp/systemctl-of-the-test";
  beforeAll(async () => {
    await must("cp", real, copy);
  });
  afterAll(() => rmSync(copy, { force: true }));

  test("while the machine lives is told, and everything of it is kept", async () => {
    const runner = openRunner({ kind: "btrfs", root: "/fs/btrfs/root" });
    const machine = await runner.machine("nosystemd");
    const stub = "/tmp/systemctl-stub";
    writeFileSync(
      stub,
      `#!/bin/sh\n[ "$1" = stop ] && { echo no bus >&2; exit 1; }\nexec ${copy} "$@"\n`,
      {
        mode: 0o755,
      },
    );
    later(() => rmSync(stub));
    // Killing it by its cgroup is what cleanup does first: kept from it, as on Linux before 5.14.
    const state = `/run/nspawn-runner/machines/${machine.name}/state.json`;
    const away = `${state}.away`;
    await must("mv", state, away);
    await must("mount", "--bind", stub, real);
    const ended = await runner.call("cleanup", "--id", machine.name);
    await must("umount", real);
    await must("mv", away, state);
    expect(ended).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`Cannot stop machine "${machine.name}"`),
    });
    expect((await machine.run("echo lives")).stdout).toBe("lives\n");
    expect(readdirSync("/fs/btrfs/root/.machines")).toContain(machine.name);
  });
});
