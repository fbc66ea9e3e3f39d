/** What people put into the root directory themselves: as it comes, and never lost. */
import { describe, expect, test } from "bun:test";
import { chrootRemoveAction } from "../../src/cli/chroot-remove.ts";
import { chrootRollbackAction } from "../../src/cli/chroot-rollback.ts";
import { prepareAction } from "../../src/cli/prepare.ts";
import { tryChangeLock } from "../../src/image/change-lock.ts";
import { treeLock } from "../../src/image/tree-lock.ts";
import { makeSystem } from "../fakes/fake-commands.ts";
import { EXT4 } from "../fakes/fake-disk.ts";
import type { FakeComputer, FakeProcess } from "../fakes/fake-host.ts";
import {
  cleanup,
  collectLater,
  login,
  openChanging,
  prepare,
  prepareAnother,
  prepareWithPackages,
  ROOT,
  run,
  UNIT,
} from "./sweep.ts";

const IMAGE = `${ROOT}/debian`;

const removeAll = ({ host }: FakeProcess): Promise<unknown> =>
  chrootRemoveAction({ host, version: "0" }, "debian", undefined);

const entriesOf = ({ disk }: FakeComputer, path: string): string[] =>
  disk.look(path, false) === undefined
    ? []
    : [...disk.directoryAt("scandir", path).entries.keys()].sort();

test("gc takes from among generations what a crash of ours left there, and nothing else", async () => {
  const computer = openChanging({ kind: "overlay", image: "generations" });
  const { disk } = computer;
  const file = (path: string): void =>
    void disk.create("open", `${IMAGE}.v/${path}`, { kind: "file", mode: 0o600, text: "" });
  const own = ["debian_0.json", "debian_0.pin", "debian_1.json.01ab.new", "debian_1.pin.new"];
  for (const path of own) file(path);
  disk.create("symlink", `${IMAGE}.v/.current-abc`, { kind: "link", target: "debian_2" });
  const theirs = ["debian_2.json", ".current-backup", "old.new"].map((name) => `${name}/note`);
  for (const path of theirs) {
    disk.ensureDirectory(`${IMAGE}.v/${path.split("/")[0]}`, 0o755);
    file(path);
  }
  file("notes.json");
  file("work.new");
  const before = entriesOf(computer, `${IMAGE}.v`);
  await collectLater(computer);
  const after = entriesOf(computer, `${IMAGE}.v`);
  expect(before.filter((entry) => !after.includes(entry))).toEqual([".current-abc", ...own].sort());
  for (const path of theirs) expect(disk.look(`${IMAGE}.v/${path}`, false)).toBeDefined();
});

/** Of a file system without subvolumes, as a bind mount of a plain directory is. */
function openMounted(): FakeComputer {
  const computer = openChanging({ kind: "btrfs", image: "none" });
  computer.disk.mount(IMAGE, EXT4);
  makeSystem(computer.disk, IMAGE);
  return computer;
}

test("a job gets its machine of a mount, which is left as it is", async () => {
  const computer = openMounted();
  const process = computer.start();
  await prepare(process);
  expect(computer.systemd.units.has(UNIT)).toBe(true);
  expect(process.said.join("\n")).not.toContain("subvolume");
  await run(computer, cleanup);
  await expect(removeAll(computer.start())).rejects.toThrow("something is mounted there");
});

test("a conversion that fails is a warning", async () => {
  const computer = openChanging({ kind: "btrfs", image: "directory" });
  const process = computer.start();
  const exchange = (): never => {
    throw new Error("EBUSY");
  };
  await prepare({
    ...process,
    host: { ...process.host, files: { ...process.host.files, exchange } },
  });
  expect(computer.systemd.units.has(UNIT)).toBe(true);
  expect(process.said.join("\n")).toContain('Cannot make image "debian" a btrfs subvolume.');
  expect(entriesOf(computer, `${ROOT}/.retired`)).toEqual([]);
});

test("who finds a conversion under way does not copy as well", async () => {
  const computer = openChanging({ kind: "btrfs", image: "directory" });
  const pause = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const both = [prepare, prepareAnother].map((command) => {
    const process = computer.start({ pause });
    return { process, ended: command(process) };
  });
  await Promise.all(both.map(({ ended }) => ended));
  const copies = both.flatMap(({ process }) =>
    process.effects.filter((effect) => effect.startsWith("cp -a")),
  );
  expect(copies).toHaveLength(1);
});

test("a job does not wait for a person who works in a copy of its image", async () => {
  const computer = openChanging({ kind: "btrfs", image: "directory" });
  const { disk } = computer;
  using _theirs = tryChangeLock(computer.start().host, ROOT, "debian");
  disk.ensureDirectory(`${ROOT}/.drafts/debian`, 0o700);
  const machines = `${ROOT}/.drafts/debian/machines`;
  disk.create("open", machines, { kind: "file", mode: 0o600, text: "login-1\n" });
  await run(computer, prepare);
  expect(computer.systemd.units.has(UNIT)).toBe(true);
});

test("chroot-login refuses what it could not exchange before anybody works in it", async () => {
  const mounted = openMounted().start();
  await expect(login(mounted)).rejects.toThrow("something is mounted on");
  expect(mounted.effects.join("\n")).not.toContain("systemd-run");
  const computer = openChanging({ kind: "btrfs", image: "tree" });
  computer.disk.directoryAt("open", IMAGE).volume.readOnly = true;
  const process = computer.start();
  await expect(login(process)).rejects.toThrow("is read-only");
  expect(process.effects.join("\n")).not.toContain("systemd-run");
});

test("a tree that could not be exchanged is nothing that was replaced", async () => {
  const computer = openChanging({ kind: "overlay", image: "tree" });
  const process = computer.start();
  const exchange = (): never => {
    throw new Error("EBUSY");
  };
  const files = { ...process.host.files, exchange };
  await expect(login({ ...process, host: { ...process.host, files } })).rejects.toThrow("EBUSY");
  expect(entriesOf(computer, `${ROOT}/.retired`)).toEqual([]);
  expect(computer.disk.look(`${IMAGE}/changed`, false)).toBeUndefined();
});

test("a read-only subvolume is removed like any other", async () => {
  const computer = openChanging({ kind: "btrfs", image: "tree" });
  computer.disk.directoryAt("open", IMAGE).volume.readOnly = true;
  await run(computer, removeAll);
  expect(computer.disk.look(IMAGE, false)).toBeUndefined();
});

describe("a second name", () => {
  const openAlias = (target: string): FakeComputer => {
    const computer = openChanging({ kind: "overlay", image: "tree" });
    computer.disk.create("symlink", `${ROOT}/stable`, { kind: "link", target });
    return computer;
  };
  const call =
    (
      action: typeof chrootRemoveAction,
      name: string,
    ): ((process: FakeProcess) => Promise<unknown>) =>
    ({ host }) =>
      action({ host, version: "0" }, name, undefined);
  const prepareStable = ({ host }: FakeProcess): Promise<unknown> =>
    prepareAction({ host, version: "0" }, "stable", { id: "job-19" });

  test("is removed, and the image stays", async () => {
    const computer = openAlias("debian");
    const process = computer.start();
    await call(chrootRemoveAction, "stable")(process);
    expect(computer.disk.look(`${ROOT}/stable`, false)).toBeUndefined();
    expect(computer.disk.look(IMAGE, false)).toBeDefined();
    expect(process.said).toContain(
      '"stable", a link to "debian", is removed; what it led to stays.',
    );
  });

  test("of a declared image that was not built yet has it built", async () => {
    const computer = openAlias("trixie");
    const text =
      "- hosts: all\n  vars:\n    nspawn_runner_create: { mmdebstrap: { suite: trixie } }\n";
    const definition = "/etc/nspawn-runner/trixie.yaml";
    computer.disk.create("open", definition, { kind: "file", mode: 0o644, text });
    await prepareStable(computer.start());
    expect(entriesOf(computer, `${ROOT}/trixie.v`)).toContain("current");
  });

  test("of an image that is missing is the host's fault, and tells it from one that leads out", async () => {
    await expect(prepareStable(openAlias("gone").start())).rejects.toMatchObject({
      kind: "system",
      message: expect.stringContaining('a second name of "gone", and there is no such image'),
    });
    await expect(prepareStable(openAlias("/srv").start())).rejects.toMatchObject({
      kind: "job",
      message: expect.stringContaining('it is a link to "/srv"'),
    });
    await run(openAlias("gone"), call(chrootRemoveAction, "stable"));
  });
});

test("generations are not removed in favour of a directory that was there before them", async () => {
  const computer = openChanging({ kind: "overlay", image: "generations" });
  computer.disk.ensureDirectory(IMAGE, 0o755);
  await expect(removeAll(computer.start())).rejects.toThrow(`jobs would get "${IMAGE}" then`);
  expect(computer.disk.look(`${IMAGE}.v/current`, false)).toBeDefined();
  computer.disk.remove(IMAGE);
  await run(computer, removeAll);
  expect(computer.disk.look(`${IMAGE}.v`, false)).toBeUndefined();
});

test("whatever images are called, none is in the way of another", async () => {
  const computer = openChanging({ kind: "overlay", image: "none" });
  const { host } = computer.start();
  const names = ["a", "a.change", "a.turn", "change", "trees"];
  const locks = await Promise.all(
    names.map(async (name) => [
      tryChangeLock(host, ROOT, name),
      await treeLock(computer.start().host, ROOT, name, "exclusive"),
    ]),
  );
  for (const [change, trees] of locks) {
    expect(change).toBeDefined();
    trees?.[Symbol.dispose]();
  }
});

test("packages that are refused, or whose job was killed, leave no locks", async () => {
  const computer = openChanging({ kind: "overlay", image: "tree" });
  const locks = (): string[] =>
    computer.disk.describe(`${ROOT}/.locks`).filter((line) => line.includes(".packages-"));
  const refused = computer.start();
  const copy = refused.host.processes.exec;
  const processes: typeof refused.host.processes = {
    ...refused.host.processes,
    exec: (argv, options) => {
      if (argv[0] === "cp" && locks().length > 0) throw new Error("no copy");
      return copy(argv, options);
    },
  };
  await expect(
    prepareWithPackages({ ...refused, host: { ...refused.host, processes } }),
  ).rejects.toThrow("no copy");
  expect(locks()).toEqual([]);
  for (const path of [".trees", ".change"]) {
    const file = { kind: "file", mode: 0o600, text: "" } as const;
    computer.disk.create("open", `${ROOT}/.locks/${path}/.packages-0123456789abcdef0123`, file);
  }
  await collectLater(computer);
  expect(locks()).toEqual([]);
});

const SYNC = (path: string): string => `sync --file-system ${path}`;

test.each<
  [string, "tree" | "generations", (process: FakeProcess) => Promise<unknown>, RegExp, string]
>([
  ["an exchange", "tree", login, /^exchange /, SYNC(ROOT)],
  ["a removal", "tree", removeAll, /^rename \/images\/debian /, SYNC(ROOT)],
  [
    "a rollback",
    "generations",
    ({ host }) => chrootRollbackAction({ host, version: "0" }, "debian", undefined),
    /^rename \S+ \S+\/current$/,
    SYNC(`${IMAGE}.v`),
  ],
])("%s is on the disk when the command ends", async (_, image, command, change, sync) => {
  const computer = openChanging({ kind: "overlay", image });
  if (image === "generations") await run(computer, login);
  const process = computer.start();
  await command(process);
  const at = process.effects.findIndex((effect) => change.test(effect));
  expect(at).toBeGreaterThan(-1);
  expect(process.effects.slice(at)).toContain(sync);
});
