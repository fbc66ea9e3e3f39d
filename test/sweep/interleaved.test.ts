/**
 * All commands at once on one host, going on in any order wherever they wait: none waits for ever, no
 * tree that a machine was cloned from is lost, images stay whole, and what fails says so as an error
 * for people.
 */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { chrootMaintenanceAction } from "../../src/cli/chroot-maintenance.ts";
import { chrootPinAction } from "../../src/cli/chroot-pin.ts";
import { chrootRemoveAction } from "../../src/cli/chroot-remove.ts";
import { chrootRollbackAction } from "../../src/cli/chroot-rollback.ts";
import { cleanupAction } from "../../src/cli/cleanup.ts";
import { prepareAction } from "../../src/cli/prepare.ts";
import { awaitChangeLock } from "../../src/image/change-lock.ts";
import { readManifest } from "../../src/image/generations/manifest.ts";
import { readTreeId } from "../../src/image/tree-id.ts";
import { treeLock } from "../../src/image/tree-lock.ts";
import { listMachines } from "../../src/machine/machine-list.ts";
import { readValue } from "../../src/record/record.ts";
import type { StorageKind } from "../../src/storage/storage.ts";
import { RunnerError } from "../../src/text/errors.ts";
import type { FakeComputer, FakeProcess } from "../fakes/fake-host.ts";
import { collectLater, gc, login, openChanging, ROOT, run } from "./sweep.ts";

type Command = (process: FakeProcess) => Promise<unknown>;
const context = ({ host }: FakeProcess) => ({ host, version: "0" });
const DAY_MS = 86_400_000;

/** Without the output of its builds. */
const maintain: Command = ({ host }) =>
  chrootMaintenanceAction(
    { host: { ...host, log: { ...host.log, level: "quiet" } }, version: "0" },
    [],
    { json: true, jobs: "2" },
  );

const oldest = ({ host }: FakeProcess): string =>
  (host.files.probe(`${ROOT}/debian.v`) === undefined ? [] : host.files.list(`${ROOT}/debian.v`))
    .filter((entry) => entry.startsWith("debian_") && !entry.includes("."))
    .map((entry) => entry.slice("debian_".length))[0] ?? "none";

/** What each does as the `index`th command of a run: a machine's name is never used twice. */
const COMMANDS: Readonly<Record<string, (index: number) => Command>> = {
  prepare: (index) => (process) =>
    prepareAction(context(process), "debian", { id: `job-${index}` }),
  "prepare by the alias": (index) => (process) =>
    prepareAction(context(process), "stable", { id: `job-${index}` }),
  "prepare with packages": (index) => (process) =>
    prepareAction(context(process), "debian", { id: `job-${index}`, packages: "cmake" }),
  cleanup: (index) => (process) => cleanupAction(context(process), { id: `job-${index - 1}` }),
  gc: () => gc,
  login: () => login,
  maintain: () => maintain,
  rollback: () => (process) => chrootRollbackAction(context(process), "debian", undefined),
  "remove the oldest": () => (process) =>
    chrootRemoveAction(context(process), "debian", oldest(process)),
  "remove all": () => (process) => chrootRemoveAction(context(process), "debian", undefined),
  "remove the derived one": () => (process) =>
    chrootRemoveAction(context(process), "derived", undefined),
  pin: () => (process) => chrootPinAction(context(process), "debian", undefined, {}),
  unpin: () => (process) =>
    chrootPinAction(context(process), "debian", undefined, { remove: true }),
};

/**
 * Image "debian", of which so many old generations are kept, and one that extends it by its alias; both
 * were built three times.
 */
async function openHost(kind: StorageKind, keep = 3): Promise<FakeComputer> {
  const computer = openChanging({ kind, image: "none" });
  const { disk } = computer;
  const define = (name: string, create: string): void => {
    const rule = `    nspawn_runner_keep: { count: ${keep}, days: 30 }\n`;
    const text = `- hosts: all\n  vars:\n    nspawn_runner_create: ${create}\n${rule}`;
    const path = `/etc/nspawn-runner/${name}.yaml`;
    disk.create("open", path, { kind: "file", mode: 0o644, text });
  };
  define("debian", "{ mmdebstrap: { suite: trixie } }");
  define("derived", "{ from: stable }");
  disk.create("symlink", `${ROOT}/stable`, { kind: "link", target: "debian" });
  for (const _ of [1, 2, 3]) {
    await run(computer, maintain);
    computer.passTime(DAY_MS);
  }
  return computer;
}

/** Every tree there is of image "debian", wherever it was moved to. */
function treesOf({ host }: FakeProcess): ReadonlySet<string | undefined> {
  const list = (path: string): string[] =>
    host.files.probe(path) === undefined ? [] : host.files.list(path);
  const trees = [`${ROOT}/debian.v`, `${ROOT}/.packages`].flatMap((directory) =>
    list(directory).map((entry) => `${directory}/${entry}`),
  );
  return new Set([
    ...trees.map((tree) => readTreeId(host, { rootDirectory: ROOT, tree })),
    ...list(`${ROOT}/.retired`).map((entry) => entry.split(".")[0]),
  ]);
}

function expectWhole(computer: FakeComputer): void {
  const { disk } = computer;
  const process = computer.start();
  const { host } = process;
  const trees = treesOf(process);
  for (const { name, state } of listMachines(host)) {
    if (state.kind === "read") expect([name, trees.has(state.value.source)]).toEqual([name, true]);
  }
  for (const image of ["debian", "derived"]) {
    const current = disk.look(`${ROOT}/${image}.v/current`, false);
    if (current === undefined) {
      expect(disk.look(`${ROOT}/${image}.v`, false)).toBeUndefined();
      continue;
    }
    const tree = `${ROOT}/${image}.v/${current.kind === "link" ? current.target : ""}`;
    expect(disk.look(`${tree}/usr/lib/systemd/systemd`, false)?.kind).toBe("file");
    expect(disk.look(`${tree}.json`, false)?.kind).toBe("file");
  }
}

/** Whatever else happens to an image that stays, a job gets a machine of it. */
const mustSucceed = (name: string, names: readonly string[]): boolean =>
  ["prepare", "prepare by the alias"].includes(name) && !names.includes("remove all");

async function runAll(computer: FakeComputer, names: readonly string[], scheduler: fc.Scheduler) {
  const ends: Promise<string>[] = [];
  const runOne = async (name: string, index: number): Promise<string> => {
    // GitLab Runner calls it after `prepare` has ended.
    if (name === "cleanup") await ends[index - 1];
    const process = computer.start({ pause: () => scheduler.schedule(Promise.resolve(), name) });
    try {
      await scheduler.schedule(Promise.resolve(), name);
      await COMMANDS[name]?.(index)(process);
    } catch (error) {
      if (!(error instanceof RunnerError) || mustSucceed(name, names)) throw error;
    }
    return process.said.find((text) => text.includes("Fault in nspawn-runner")) ?? "";
  };
  for (const [index, name] of names.entries()) ends.push(runOne(name, index));
  await scheduler.waitFor(Promise.allSettled(ends));
  for (const end of ends) expect(await end).toBe("");
}

test.each<StorageKind>(["overlay", "btrfs"])(
  "in any order, on %s",
  async (kind) => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(fc.constantFrom(...Object.keys(COMMANDS)), { minLength: 2, maxLength: 7 }),
        async (scheduler, names) => {
          const computer = await openHost(kind);
          await runAll(computer, names, scheduler);
          expectWhole(computer);
          await collectLater(computer);
          expectWhole(computer);
        },
      ),
      { numRuns: Number(process.env.NSPAWN_RUNNER_RUNS ?? 40) },
    );
  },
  120_000,
);

test("what extends an image by its alias is built after it, from what it has become", async () => {
  const computer = await openHost("btrfs");
  await run(computer, maintain);
  const { host } = computer.start();
  const current = host.files.readLink(`${ROOT}/debian.v/current`)?.replace("debian_", "debian/");
  const derived = `${ROOT}/derived.v/${host.files.readLink(`${ROOT}/derived.v/current`)}`;
  expect(readValue(readManifest(host, derived))?.inputs?.parent).toBe(current);
});

test("who waits for a lock against the order is told at once", async () => {
  const computer = await openHost("btrfs");
  const { host } = computer.start();
  using _trees = await treeLock(host, ROOT, "debian", "shared");
  await expect(awaitChangeLock(host, ROOT, "debian", () => {})).rejects.toThrow(
    "against the order of locks",
  );
});

test("a wait for a lock ends, and names who has it", async () => {
  const computer = await openHost("btrfs");
  using _theirs = await treeLock(computer.start().host, ROOT, "debian", "shared");
  await expect(treeLock(computer.start().host, ROOT, "debian", "exclusive")).rejects.toThrow(
    /^Cannot lock the trees of image "debian": process 17 \("nspawn-runner"\) has had the lock for 600 s\.$/,
  );
});

test("who waits to have the trees alone stands before jobs that come later", async () => {
  const computer = await openHost("btrfs");
  const [first, publisher, later] = [0, 1, 2].map(() =>
    computer.start({ pause: () => Bun.sleep(0) }),
  );
  if (!(first && publisher && later)) throw new Error("no processes");
  const job = await treeLock(first.host, ROOT, "debian", "shared");
  const order: string[] = [];
  const wait = async (name: string, mode: "shared" | "exclusive", process: FakeProcess) => {
    using _lock = await treeLock(process.host, ROOT, "debian", mode);
    order.push(name);
  };
  const waiting = [wait("publisher", "exclusive", publisher), wait("job", "shared", later)];
  await Bun.sleep(5);
  expect(order).toEqual([]);
  job[Symbol.dispose]();
  await Promise.all(waiting);
  expect(order).toEqual(["publisher", "job"]);
});
