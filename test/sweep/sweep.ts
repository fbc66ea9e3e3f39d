/** The failure sweep: a command with its effect 1, 2, … n failing, and what is left afterwards. */
import { expect } from "bun:test";
import { chrootCreateAction } from "../../src/cli/chroot-create.ts";
import { chrootLoginAction } from "../../src/cli/chroot-login.ts";
import { chrootRemoveAction } from "../../src/cli/chroot-remove.ts";
import { cleanupAction } from "../../src/cli/cleanup.ts";
import { emptyTrashAction } from "../../src/cli/empty-trash.ts";
import { gcAction } from "../../src/cli/gc.ts";
import { prepareAction } from "../../src/cli/prepare.ts";
import { releaseAction } from "../../src/cli/release.ts";
import type { StorageKind } from "../../src/storage/storage.ts";
import type { FailureOrder } from "../fakes/effects.ts";
import { makeSystem } from "../fakes/fake-commands.ts";
import { BTRFS, EXT4, type FileSystem, XFS } from "../fakes/fake-disk.ts";
import {
  type ComputerOptions,
  type FakeComputer,
  type FakeProcess,
  openComputer,
  type ProcessOptions,
} from "../fakes/fake-host.ts";
import { describeLimits } from "../fakes/fake-quotas.ts";

export const ROOT = "/images";
export const MACHINE = "job-17-abcdef";
export const UNIT = "nspawn-runner-job\\x2d17\\x2dabcdef.service";

const DISKS: Readonly<Record<StorageKind, FileSystem>> = {
  btrfs: BTRFS,
  reflink: XFS,
  overlay: EXT4,
  tmpfs: EXT4,
};

export interface Place {
  readonly kind: StorageKind;
  /** How image "debian" lies there. */
  readonly image: "tree" | "directory" | "generations" | "none";
  /** Of jobs' machines; the host's when absent. */
  readonly network?: "private";
  /** Of what jobs write; none when absent. */
  readonly disk?: string;
}

interface PlaceOptions extends Pick<ComputerOptions, "commands" | "work"> {
  /** Its file system keeps no limit, whatever the place asks for. */
  readonly withoutQuotas?: boolean;
}

/** A host with a configuration, a storage and an image, on which nothing of ours has run yet. */
export function openPlace(
  { kind, image, network, disk: limit }: Place,
  { withoutQuotas = false, ...more }: PlaceOptions = {},
): FakeComputer {
  const keeps = limit !== undefined && !withoutQuotas;
  const fileSystem = keeps ? withQuotas(DISKS[kind]) : DISKS[kind];
  const computer = openComputer({ mounts: { [ROOT]: fileSystem }, ...more });
  const { disk } = computer;
  disk.need("chmod", ROOT).mode = 0o700;
  disk.ensureDirectory("/etc/nspawn-runner", 0o755);
  const text = `root_directory = "${ROOT}"\nstorage = "${kind}"\nnetwork = "${network ?? "host"}"\n${limit === undefined ? "" : `job_disk = "${limit}"\n`}`;
  disk.create("open", "/etc/nspawn-runner/config.toml", { kind: "file", mode: 0o644, text });
  if (image === "none") return computer;
  const generations = image === "generations";
  const tree = generations ? `${ROOT}/debian.v/debian_1` : `${ROOT}/debian`;
  if (generations) {
    disk.ensureDirectory(`${ROOT}/debian.v`, 0o755);
    disk.create("symlink", `${ROOT}/debian.v/current`, { kind: "link", target: "debian_1" });
  }
  if (kind === "btrfs" && image !== "directory") disk.createSubvolume(tree);
  else disk.ensureDirectory(tree, 0o755);
  makeSystem(disk, tree);
  return computer;
}

const withQuotas = (fileSystem: FileSystem): FileSystem => ({
  ...fileSystem,
  quotas: fileSystem === BTRFS ? "simple" : "projects",
});

/** As `openPlace`; what a person does in a copy of the image is a file more, and the exit code 0. */
export function openChanging(place: Place): FakeComputer {
  const computer = openPlace(place, {
    work: (tree) => {
      computer.disk.remove(`${tree}/changed`);
      computer.disk.create("open", `${tree}/changed`, { kind: "file", mode: 0o644, text: "" });
      return 0;
    },
  });
  return computer;
}

type Command = (process: FakeProcess) => Promise<unknown>;
const context = ({ host }: FakeProcess) => ({ host, version: "0" });

/** The commands of a user, in this place. */
export const prepare: Command = (process) =>
  prepareAction(context(process), "debian", { id: MACHINE });
export const prepareWithPackages: Command = (process) =>
  prepareAction(context(process), "debian", { id: MACHINE, packages: "cmake hello" });
export const prepareAnother: Command = (process) =>
  prepareAction(context(process), "debian", { id: "job-18-another" });
export const cleanup: Command = (process) => cleanupAction(context(process), { id: MACHINE });
/** `ExecStopPost=` of the machine's unit. */
export const release: Command = (process) => releaseAction(context(process), MACHINE);
/** What the unit runs that deletes. */
export const emptyTrash: Command = (process) => emptyTrashAction(context(process), ROOT);
export const gc: Command = (process) => gcAction(context(process), {});
export const create: Command = (process) =>
  chrootCreateAction(context(process), ["debian"], { suite: "trixie" });
/** Of one generation. */
export const remove = (process: FakeProcess, version: string): Promise<unknown> =>
  chrootRemoveAction(context(process), "debian", version);
export const login: Command = (process) =>
  chrootLoginAction(context(process), "debian", ["change"], {});

/** Runs a command in a process of its own. */
export async function run(
  computer: FakeComputer,
  command: Command,
  options?: ProcessOptions,
): Promise<void> {
  await command(computer.start(options));
}

/** As the timer would. Then the trash is empty, too. */
export async function collectLater(computer: FakeComputer): Promise<void> {
  await run(computer, gc);
  expect(trash(computer)).toEqual([]);
}

const TRASH = `${ROOT}/.trash`;

/** What waits to be deleted. */
export const trash = ({ disk }: FakeComputer): string[] => disk.describe(TRASH).slice(1);

export interface Sweep {
  readonly open: () => FakeComputer | Promise<FakeComputer>;
  readonly act: Command;
  readonly after: (computer: FakeComputer, end: "succeeded" | "failed") => Promise<void>;
}

const EFFECTS_MAX = 400;

/**
 * Does that with effect 1 failing, with effect 2 failing, and so on, until there are no more
 * effects. Returns how many there were.
 */
export async function sweep(how: FailureOrder["how"], { open, act, after }: Sweep) {
  for (let at = 1; at <= EFFECTS_MAX; at += 1) {
    const computer = await open();
    let end: "succeeded" | "failed" = "succeeded";
    const process = computer.start({ fails: { at, how } });
    try {
      await act(process);
    } catch {
      end = "failed";
    }
    const done = process.effects.length < at;
    try {
      await after(computer, end);
    } catch (error) {
      const effects = process.effects.slice(0, at + 3).join("\n  ");
      throw new Error(`effect ${at} ${how}:\n  ${effects}\n${error}`, { cause: error });
    }
    if (done) return at - 1;
  }
  throw new Error(`more than ${EFFECTS_MAX} effects`);
}

/** Directories and lock files that stay once they are there, for all machines and images. */
const STANDING = [
  "/run/nspawn-runner/address-pairs",
  `${ROOT}/.nspawn-runner`,
  `${ROOT}/.machines`,
  `${ROOT}/.drafts`,
  `${ROOT}/.retired`,
  `${ROOT}/.trash`,
  `${ROOT}/.trash.lock`,
  "/run/nspawn-runner",
  "/run/nspawn-runner/machines",
  "/run/nspawn-runner/preparing",
  "/run/nspawn-runner/id-ranges",
  "/run/nspawn-runner/claims.lock",
];

/**
 * What the firewall's table was made from, what the units run that wait for the end of an owner, for a
 * change of the table or for a disk to fill, and that all machines together have limits; or what a kill
 * left of writing these.
 */
const isCommon = (path: string): boolean =>
  /^\/run\/nspawn-runner\/(firewall\.|(watch-(owner|firewall|disk)|backstop)($|\.))/.test(path);

/** Locks, and names of trees that came by hand: small files that stay once they are there. */
export const isKeptByName = (path: string): boolean =>
  [".locks", ".trees"].some((room) => path.startsWith(`${ROOT}/${room}`));

/** Every path of the host, less what stands, and what the trash will delete. */
export function inventory({ disk }: FakeComputer): string[] {
  return disk.describe("/").filter((line) => {
    const path = line.split(" ", 1)[0]?.replace(/^\/\//, "/") ?? "";
    const goes = path.startsWith(`${TRASH}/`);
    return !STANDING.includes(path) && !goes && !isKeptByName(path) && !isCommon(path);
  });
}

/** Nothing is on the host that was not there before, and no unit. */
export function expectNothingLeft(computer: FakeComputer, before: readonly string[]): void {
  expect([...computer.systemd.units.keys()]).toEqual([]);
  expect([...computer.systemd.slices]).toEqual([]);
  expect(inventory(computer)).toEqual([...before]);
}

/** Once a machine's clone is deleted, and `gc` has come: the limit that it had is gone too. */
export async function expectNoLimitLeft(computer: FakeComputer): Promise<void> {
  await run(computer, gc);
  await run(computer, gc);
  expect(trash(computer)).toEqual([]);
  expect(describeLimits(computer.limits)).toEqual([]);
}
