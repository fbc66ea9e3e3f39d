/**
 * Trees that nobody uses any more: one rename takes them out of the way, and a unit of its own deletes
 * them. Nothing that a job waits for deletes a tree. See docs/decisions/0011-trees-are-deleted-by-one-unit.md.
 */
import type { Host } from "../host/host.ts";
import { WAITS } from "../host/waits.ts";
import { formatError } from "../text/format-error.ts";

export type TrashHost = Pick<Host, "files" | "processes" | "randomName" | "driver" | "log">;

export const trashDirectory = (rootDirectory: string): string => `${rootDirectory}/.trash`;

/** Held by the deleter while it works. */
export const trashLock = (rootDirectory: string): string => `${rootDirectory}/.trash.lock`;

/** Where the deleter puts what it cannot delete: of another boot it is a tree like any other. */
export function keptDirectory(host: Pick<Host, "files">, rootDirectory: string): string {
  const boot = host.files.readText("/proc/sys/kernel/random/boot_id").trim();
  return `${trashDirectory(rootDirectory)}/${KEPT_PREFIX}${boot}`;
}

/**
 * Of what we put there, which nobody needs: the deleter takes nothing else. Release 0.1.0 moved trees
 * there that its machines may still have as their lower layer. No name of an image or a machine has a
 * "=", so none of its entries begins like that.
 */
const DISCARDED_PREFIX = "discarded=";
const KEPT_PREFIX = "kept=";
const RANDOM_LENGTH = 8;

/** Made when there is room, so that throwing away needs none, and deleting neither. Idempotent. */
export function ensureTrash(host: Pick<Host, "files">, rootDirectory: string): void {
  host.files.ensureDirectory(trashDirectory(rootDirectory), 0o700);
  const lock = trashLock(rootDirectory);
  if (host.files.probe(lock) === undefined) host.files.append(lock, "");
}

/** Takes a tree, or a directory with one in it, out of the way and has it deleted. Nothing there is fine. */
export async function discardTree(
  host: TrashHost,
  rootDirectory: string,
  path: string,
): Promise<void> {
  const place = moveToTrash(host, rootDirectory, path);
  if (place !== undefined) await startDeleter(host, rootDirectory);
}

/**
 * As `discardTree`, but waits until the tree is deleted and its space is free, for who is in nobody's
 * way. Not for long, and not when we are to end.
 */
export async function discardTreeAndWait(
  host: TrashHost & Pick<Host, "clock" | "signal">,
  rootDirectory: string,
  path: string,
): Promise<void> {
  const place = moveToTrash(host, rootDirectory, path);
  if (place === undefined || !(await startDeleter(host, rootDirectory))) return;
  const until = host.clock.elapsedMs() + WAITS.draftDeletion.ms;
  // Whatever the deleter cannot delete it takes from there, too.
  while (host.files.probe(place) !== undefined && !host.signal.aborted) {
    if (host.clock.elapsedMs() > until) return;
    await host.clock.sleep(LOOK_MS);
  }
}

const LOOK_MS = 20;

/** One rename. Returns where it is now; nothing when there was nothing. */
export function moveToTrash(
  host: Pick<Host, "files" | "randomName">,
  rootDirectory: string,
  path: string,
): string | undefined {
  if (host.files.probe(path) === undefined) return undefined;
  ensureTrash(host, rootDirectory);
  const name = path.slice(path.lastIndexOf("/") + 1);
  const place = discardedPlace(rootDirectory, `${name}-${host.randomName(RANDOM_LENGTH)}`);
  try {
    host.files.renameNew(path, place);
    return place;
  } catch (error) {
    // Another has moved it there meanwhile.
    if (host.files.probe(path) === undefined) return undefined;
    throw error;
  }
}

/** The place in the trash of what was discarded under that name, which is there once at most. */
export const discardedPlace = (rootDirectory: string, name: string): string =>
  `${trashDirectory(rootDirectory)}/${DISCARDED_PREFIX}${name}`;

/** Names in the trash that wait to be deleted: of ours, but for what could not be since the host has booted. */
export function listTrash(host: Pick<Host, "files">, rootDirectory: string): string[] {
  const entries = listEntries(host, rootDirectory).filter(isOurs);
  if (entries.length === 0) return [];
  const kept = keptDirectory(host, rootDirectory);
  return entries.filter((name) => `${trashDirectory(rootDirectory)}/${name}` !== kept);
}

/** Paths of what another release has put there: whoever knows that none is used may discard it. */
export function listStrange(host: Pick<Host, "files">, rootDirectory: string): string[] {
  const strange = listEntries(host, rootDirectory).filter((name) => !isOurs(name));
  return strange.map((name) => `${trashDirectory(rootDirectory)}/${name}`);
}

const isOurs = (name: string): boolean =>
  [DISCARDED_PREFIX, KEPT_PREFIX].some((prefix) => name.startsWith(prefix));

function listEntries(host: Pick<Host, "files">, rootDirectory: string): string[] {
  const trash = trashDirectory(rootDirectory);
  return host.files.probe(trash) === undefined ? [] : host.files.list(trash);
}

/**
 * Starts the unit that empties the trash, unless one works or there is nothing to do. Does not wait
 * for its work, and never throws: who throws a tree away has done what it came for, and gc starts it
 * too. One that works may be relied on: it looks again after it has let go of its lock. False when
 * there is none, which was told.
 */
export async function startDeleter(host: TrashHost, rootDirectory: string): Promise<boolean> {
  return start(host, rootDirectory, (argv) => host.processes.exec(argv));
}

/** As `startDeleter`, but does not even wait for systemd's answer, which takes a tenth of a cleanup. */
export async function startDeleterUnheard(host: TrashHost, rootDirectory: string): Promise<void> {
  await start(host, rootDirectory, (argv) => host.processes.leave(argv));
}

async function start(
  host: TrashHost,
  rootDirectory: string,
  run: (argv: readonly string[]) => Promise<unknown>,
): Promise<boolean> {
  try {
    const needless =
      listTrash(host, rootDirectory).length === 0 || deleterWorks(host, rootDirectory);
    if (!needless) await run(deleterCommand(host, rootDirectory));
    return true;
  } catch (error) {
    const why = formatError(error, { debug: false });
    host.log.warn(`What is in the trash is deleted later, by "nspawn-runner gc". ${why}`);
    return false;
  }
}

/** Shared, so that others who ask at the same moment are not taken for a deleter. */
function deleterWorks(host: Pick<Host, "files">, rootDirectory: string): boolean {
  using lock = host.files.lock(trashLock(rootDirectory), { mode: "shared" });
  return lock === undefined;
}

/**
 * A service beside the jobs' slices, so that its weight is against theirs. In a mount namespace that
 * nobody's mounts come into: what it has unmounted stays so, and a directory on which only others
 * have a mount can be removed, which unmounts it there (rmdir(2), Linux 3.18).
 */
function deleterCommand(
  host: Pick<Host, "randomName" | "driver">,
  rootDirectory: string,
): string[] {
  const properties = [
    "Description=Deletion of what CI machines and images have left",
    "SyslogIdentifier=nspawn-runner",
    "Nice=19",
    "IOSchedulingClass=idle",
    "CPUWeight=1",
    "IOWeight=1",
    // A killed one goes on.
    "Restart=on-failure",
    "RestartSec=1",
  ];
  return [
    "systemd-run",
    "--quiet",
    "--no-block",
    "--collect",
    // No machine's unit has a dash there (text/names.ts).
    `--unit=nspawn-runner-trash-${host.randomName(RANDOM_LENGTH)}.service`,
    "--slice=nspawn_runner.slice",
    ...properties.map((property) => `--property=${property}`),
    "--",
    // Not by MountFlags=private: what systemd 252 makes of it still has all mounts of before, where
    // nothing shows them and nobody can end them.
    ...["unshare", "--mount", "--propagation", "private", "--"],
    ...host.driver,
    "internal-empty-trash",
    rootDirectory,
  ];
}
