/** Trees keep their names over mounts, reboots and renames, and never get those of others. */
import { describe, expect, test } from "bun:test";
import { chrootListAction } from "../../src/cli/chroot-list.ts";
import { prepareAction } from "../../src/cli/prepare.ts";
import { readTreeId } from "../../src/image/tree-id.ts";
import type { StorageKind } from "../../src/storage/storage.ts";
import type { FakeComputer } from "../fakes/fake-host.ts";
import {
  cleanup,
  collectLater,
  login,
  MACHINE,
  openChanging,
  prepare,
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

test("looking gives no names", async () => {
  const computer = openChanging({ kind: "overlay", image: "tree" });
  const before = computer.disk.describe("/");
  const print = computer.start();
  await prepareAction({ host: print.host, version: "0" }, "debian", { id: MACHINE, dryRun: true });
  expect(print.printed.join("")).toContain("debian");
  const user = computer.start({ userId: 1000 });
  await chrootListAction({ host: user.host, version: "0" }, [], {});
  expect(user.printed.join("")).toContain("debian");
  expect(computer.disk.describe("/")).toEqual(before);
});

test("names of trees that are gone go too", async () => {
  const computer = openChanging({ kind: "overlay", image: "tree" });
  await run(computer, prepare);
  await run(computer, cleanup);
  const records = (): string[] => [
    ...computer.disk.directoryAt("scandir", `${ROOT}/.trees`).entries.keys(),
  ];
  expect(records()).toEqual([".lock", "debian.json"]);
  computer.disk.remove(`${ROOT}/debian`);
  await collectLater(computer);
  expect(records()).toEqual([".lock"]);
});
