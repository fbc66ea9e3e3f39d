/** Trees keep their names over mounts, reboots and renames, and never get those of others. */
import { describe, expect, test } from "bun:test";
import { chrootListAction } from "../../src/cli/chroot-list.ts";
import { chrootLoginAction } from "../../src/cli/chroot-login.ts";
import { chrootRemoveAction } from "../../src/cli/chroot-remove.ts";
import { prepareAction } from "../../src/cli/prepare.ts";
import { findRetiredChores } from "../../src/image/tidy.ts";
import { ensureTreeId, readTreeId } from "../../src/image/tree-id.ts";
import { machinePaths } from "../../src/machine/machine-paths.ts";
import { STORAGES } from "../../src/storage/detect.ts";
import type { StorageKind } from "../../src/storage/storage.ts";
import { parseMachineName } from "../../src/text/names.ts";
import { EXT4 } from "../fakes/fake-disk.ts";
import type { FakeComputer, FakeProcess } from "../fakes/fake-host.ts";
import {
  cleanup,
  collectLater,
  login,
  MACHINE,
  openChanging,
  prepare,
  prepareAnother,
  prepareWithPackages,
  ROOT,
  remove,
  run,
} from "./sweep.ts";

const KINDS: readonly StorageKind[] = ["btrfs", "reflink", "overlay"];

const packages = ({ disk }: FakeComputer): string[] =>
  disk.look(`${ROOT}/.packages`, false) === undefined
    ? []
    : [...disk.directoryAt("scandir", `${ROOT}/.packages`).entries.keys()].filter(
        (entry) => !entry.includes("."),
      );

const idOf = (computer: FakeComputer, tree: string): string | undefined =>
  readTreeId(computer.start().host, { rootDirectory: ROOT, tree });

/** `prepare` of a job with packages, and its end. */
async function jobWithPackages(computer: FakeComputer): Promise<readonly string[]> {
  const process = computer.start();
  await prepareWithPackages(process);
  await run(computer, cleanup);
  return process.said;
}

const installs = (said: readonly string[]): boolean =>
  said.some((text) => text.startsWith("Adding cmake, hello"));

/** What nobody but the kernel does at a reboot. */
function reboot({ disk, systemd }: FakeComputer): void {
  systemd.units.clear();
  disk.remove("/run/nspawn-runner");
  disk.remount();
}

describe.each([...KINDS])("on %s", (kind) => {
  test.each(["tree", "generations"] as const)(
    "packages for a %s are those of later jobs, also after reboots",
    async (image) => {
      const computer = openChanging({ kind, image });
      expect(installs(await jobWithPackages(computer))).toBe(true);
      const kept = packages(computer);
      for (const _ of [1, 2]) {
        reboot(computer);
        await collectLater(computer);
        expect(installs(await jobWithPackages(computer))).toBe(false);
        expect(packages(computer)).toEqual(kept);
      }
    },
  );

  test("a tree that was exchanged never lends its packages to another", async () => {
    const computer = openChanging({ kind, image: "tree" });
    const tree = `${ROOT}/debian`;
    const seen = new Set<string | undefined>();
    for (const _ of [1, 2, 3]) {
      expect(installs(await jobWithPackages(computer))).toBe(true);
      expect(seen.has(idOf(computer, tree))).toBe(false);
      seen.add(idOf(computer, tree));
      await run(computer, login);
      // So that the next tree is made where the one before has been.
      await collectLater(computer);
    }
    expect(packages(computer)).toEqual([]);
  });

  test("a directory put in the place of another by hand is another, with its number or not", async () => {
    const computer = openChanging({ kind, image: "tree" });
    await run(computer, prepare);
    await run(computer, cleanup);
    const first = idOf(computer, `${ROOT}/debian`);
    const { disk } = computer;
    disk.move(`${ROOT}/debian`, "/images/.kept", "new");
    disk.ensureDirectory(`${ROOT}/debian`, 0o755);
    expect(idOf(computer, `${ROOT}/debian`)).toBeUndefined();
    disk.remove(`${ROOT}/debian`);
    disk.move("/images/.kept", `${ROOT}/debian`, "new");
    expect(idOf(computer, `${ROOT}/debian`)).toBe(first);
  });

  test("while a machine lives, the tree it was cloned from stays, whatever mounts do", async () => {
    const computer = openChanging({ kind, image: "generations" });
    await run(computer, prepare);
    computer.disk.remount();
    await run(computer, login);
    await expect(remove(computer.start(), "1")).rejects.toThrow("a job's machine uses");
    await run(computer, cleanup);
    await remove(computer.start(), "1");
  });
});

describe("a tree that a machine was cloned from, and that a person has renamed,", () => {
  const removeOther = ({ host }: FakeProcess): Promise<unknown> =>
    chrootRemoveAction({ host, version: "0" }, "other", undefined);
  const openRenamed = async (): Promise<FakeComputer> => {
    const computer = openChanging({ kind: "overlay", image: "tree" });
    await run(computer, prepare);
    computer.disk.move(`${ROOT}/debian`, `${ROOT}/other`, "new");
    return computer;
  };
  const recordsOf = ({ disk }: FakeComputer): string[] =>
    [...disk.directoryAt("scandir", `${ROOT}/.trees`).entries.keys()]
      .filter((entry) => entry.endsWith(".json"))
      .map((entry) => `${ROOT}/.trees/${entry}`);

  test("has its name still, stays while the machine lives, and no longer", async () => {
    const computer = await openRenamed();
    const id = idOf(computer, `${ROOT}/other`);
    expect(id).toBeDefined();
    // What comes in its old place is another.
    computer.disk.ensureDirectory(`${ROOT}/debian`, 0o755);
    expect(idOf(computer, `${ROOT}/debian`)).toBeUndefined();
    await run(computer, prepareAnother);
    expect(idOf(computer, `${ROOT}/debian`)).not.toBe(id);
    await collectLater(computer);
    expect(idOf(computer, `${ROOT}/other`)).toBe(id);
    await expect(removeOther(computer.start())).rejects.toThrow("a job's machine uses it");
    await run(computer, cleanup);
    await removeOther(computer.start());
  });

  test("stays where its record was cut off, also when it is exchanged for another", async () => {
    const computer = await openRenamed();
    const [record = ""] = recordsOf(computer);
    const file = computer.disk.need("open", record);
    if (file.kind === "file") file.text = "";
    await expect(removeOther(computer.start())).rejects.toThrow("uses cannot be read");
    await chrootLoginAction({ ...computer.start(), version: "0" }, "other", ["change"], {});
    await collectLater(computer);
    expect(computer.disk.directoryAt("scandir", `${ROOT}/.retired`).entries.size).toBe(1);
    await run(computer, cleanup);
    await collectLater(computer);
    expect(computer.disk.directoryAt("scandir", `${ROOT}/.retired`).entries.size).toBe(0);
    expect(recordsOf(computer)).not.toContain(record);
  });

  test("stays where its record is gone", async () => {
    const computer = await openRenamed();
    for (const record of recordsOf(computer)) computer.disk.remove(record);
    await expect(removeOther(computer.start())).rejects.toThrow("is not known");
    await run(computer, cleanup);
    await removeOther(computer.start());
  });
});

test("a tree that is removed while it is looked at is none, and gets no name", async () => {
  const computer = openChanging({ kind: "overlay", image: "tree" });
  const { host } = computer.start();
  const files = {
    ...host.files,
    probe: (path: string) => {
      const facts = host.files.probe(path);
      if (path === `${ROOT}/debian` && facts !== undefined) computer.disk.remove(path);
      return facts;
    },
  };
  const place = { rootDirectory: ROOT, tree: `${ROOT}/debian` };
  expect(files.birthMark(place.tree)).toBeDefined();
  expect(readTreeId({ ...host, files }, place)).toBeUndefined();
  expect(files.birthMark(place.tree)).toBeUndefined();
  await expect(ensureTreeId(host, place)).rejects.toThrow("was removed meanwhile");
});

test("mounts that the file system cannot tell apart are told by where they are", () => {
  const computer = openChanging({ kind: "overlay", image: "tree" });
  const roots = ["one", "two"].map((name) => `${ROOT}/${name}`);
  for (const root of roots) computer.disk.mount(root, EXT4);
  const { host } = computer.start();
  const alike = { ...host, files: { ...host.files, birthMark: () => "the root of an ext4" } };
  const [one = "", two = ""] = roots;
  return ensureTreeId(alike, { rootDirectory: ROOT, tree: one }).then(async (id) => {
    expect(readTreeId(alike, { rootDirectory: ROOT, tree: two })).toBeUndefined();
    computer.disk.remove(one);
    expect(readTreeId(alike, { rootDirectory: ROOT, tree: two })).toBeUndefined();
    expect(await ensureTreeId(alike, { rootDirectory: ROOT, tree: two })).not.toBe(id);
  });
});

test("a tree that a machine turns out to be cloned from is not thrown away on an older look", async () => {
  const computer = openChanging({ kind: "overlay", image: "tree" });
  await run(computer, prepare);
  await run(computer, login);
  const process = computer.start();
  const store = { rootDirectory: ROOT, storage: STORAGES.overlay };
  const state = machinePaths(parseMachineName(MACHINE)).runtime;
  computer.disk.move(state, "/run/aside", "new");
  const [chore, ...more] = findRetiredChores(process.host, store);
  expect(more).toEqual([]);
  computer.disk.move("/run/aside", state, "new");
  expect(await chore?.act()).toBe(false);
  expect(computer.disk.directoryAt("scandir", `${ROOT}/.retired`).entries.size).toBe(1);
});

test("looking gives no names", async () => {
  const computer = openChanging({ kind: "overlay", image: "tree" });
  const before = computer.disk.describe("/");
  const print = computer.start();
  await prepareAction({ host: print.host, version: "0" }, "debian", { id: MACHINE, dryRun: true });
  expect(print.printed.join("")).toContain("debian");
  const list = computer.start();
  await chrootListAction({ host: list.host, version: "0" }, [], {});
  expect(list.printed.join("")).toContain("debian");
  expect(computer.disk.describe("/")).toEqual(before);
});

test("names of trees that are gone go too", async () => {
  const computer = openChanging({ kind: "overlay", image: "tree" });
  await run(computer, prepare);
  await run(computer, cleanup);
  const records = (): string[] => [
    ...computer.disk.directoryAt("scandir", `${ROOT}/.trees`).entries.keys(),
  ];
  expect(records()).toEqual([".lock", `${idOf(computer, `${ROOT}/debian`)}.json`]);
  computer.disk.remove(`${ROOT}/debian`);
  await collectLater(computer);
  expect(records()).toEqual([".lock"]);
});
