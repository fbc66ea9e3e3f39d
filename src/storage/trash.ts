/**
 * Trees that nobody uses any more: one rename takes them out of the way, and a unit of its own deletes
 * them. Nothing that a job waits for deletes a tree. See docs/decisions/0011-trees-are-deleted-by-one-unit.md.
 */
import type { Host } from "../host/host.ts";
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

const KEPT_PREFIX = "kept.";
const RANDOM_LENGTH = 8;

/** Made when there is room, so that throwing away needs none. Idempotent. */
export function ensureTrash(host: Pick<Host, "files">, rootDirectory: string): void {
  host.files.ensureDirectory(trashDirectory(rootDirectory), 0o700);
}

/** Takes a tree, or a directory with one in it, out of the way and has it deleted. Nothing there is fine. */
export async function discardTree(
  host: TrashHost,
  rootDirectory: string,
  path: string,
): Promise<void> {
  if (moveToTrash(host, rootDirectory, path)) await startDeleter(host, rootDirectory);
}

/** One rename. False when there is nothing. */
export function moveToTrash(
  host: Pick<Host, "files" | "randomName">,
  rootDirectory: string,
  path: string,
): boolean {
  if (host.files.probe(path) === undefined) return false;
  ensureTrash(host, rootDirectory);
  const name = path.slice(path.lastIndexOf("/") + 1);
  const place = `${trashDirectory(rootDirectory)}/${name}-${host.randomName(RANDOM_LENGTH)}`;
  try {
    host.files.renameNew(path, place);
    return true;
  } catch (error) {
    // Another has moved it there meanwhile.
    if (host.files.probe(path) === undefined) return false;
    throw error;
  }
}

/** Names in the trash that wait to be deleted: all but what could not be since the host has booted. */
export function listTrash(host: Pick<Host, "files">, rootDirectory: string): string[] {
  const trash = trashDirectory(rootDirectory);
  if (host.files.probe(trash) === undefined) return [];
  const kept = keptDirectory(host, rootDirectory).slice(trash.length + 1);
  return host.files.list(trash).filter((name) => name !== kept);
}

/**
 * Starts the unit that empties the trash, unless one works or there is nothing to do. Does not wait
 * for its work, and never throws: who throws a tree away has done what it came for, and gc starts it
 * too. One that works may be relied on: it looks again after it has let go of its lock.
 */
export async function startDeleter(host: TrashHost, rootDirectory: string): Promise<void> {
  await start(host, rootDirectory, (argv) => host.processes.exec(argv));
}

/** As `startDeleter`, but does not even wait for systemd's answer, which takes a tenth of a cleanup. */
export async function startDeleterUnheard(host: TrashHost, rootDirectory: string): Promise<void> {
  await start(host, rootDirectory, (argv) => host.processes.leave(argv));
}

async function start(
  host: TrashHost,
  rootDirectory: string,
  run: (argv: readonly string[]) => Promise<unknown>,
): Promise<void> {
  try {
    if (listTrash(host, rootDirectory).length === 0 || deleterWorks(host, rootDirectory)) return;
    await run(deleterCommand(host, rootDirectory));
  } catch (error) {
    const why = formatError(error, { debug: false });
    host.log.warn(`What is in the trash is deleted later, by "nspawn-runner gc". ${why}`);
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
