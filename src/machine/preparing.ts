/**
 * Whether a machine is being prepared: for as long as a driver holds the lock of its name, which the
 * kernel takes from one that dies. No time says that: a start may be slow, and a death quick.
 */
import type { Host } from "../host/host.ts";
import { RunnerError } from "../text/errors.ts";
import { isMachineName, type MachineName } from "../text/names.ts";
import { PREPARING_DIRECTORY } from "./machine-paths.ts";

const lockPath = (name: MachineName): string => `${PREPARING_DIRECTORY}/${name}`;

type LockHost = Pick<Host, "files" | "log">;

/** Who only looks whether it is held (gc) holds it for a moment itself. */
const TRIES = 10;
const AGAIN_MS = 5;

/**
 * To be taken before anything of the machine is there, and held until it is ready or undone; then its
 * file goes, while it is still held. Throws when another driver is preparing a machine of that name.
 */
export async function holdPreparing(
  host: LockHost & Pick<Host, "clock">,
  name: MachineName,
): Promise<Disposable> {
  host.files.ensureDirectory(PREPARING_DIRECTORY, 0o700);
  for (let tries = 0; tries < TRIES; tries += 1) {
    if (tries > 0) await host.clock.sleep(AGAIN_MS);
    const held = takeLock(host, name);
    if (held !== undefined) return held;
  }
  throw beingPrepared(name);
}

/**
 * Acts on a machine that nobody prepares, and that nobody can begin to prepare meanwhile. Does nothing
 * where somebody is at it, and returns false: what was known of that machine before holds no more.
 */
export async function unlessPrepared(
  host: LockHost,
  name: MachineName,
  act: () => Promise<void>,
): Promise<boolean> {
  host.files.ensureDirectory(PREPARING_DIRECTORY, 0o700);
  using held = takeLock(host, name);
  if (held === undefined) return false;
  await act();
  return true;
}

/** To be asked before what an earlier try has left is removed: it may be somebody's who is at it. */
export function requireNotPreparing(host: Pick<Host, "files">, name: MachineName): void {
  if (isBeingPrepared(host, name)) throw beingPrepared(name);
}

const beingPrepared = (name: MachineName): RunnerError =>
  new RunnerError({
    kind: "system",
    message: `Machine "${name}" is being prepared by another process.`,
    hints: ["Give this one another name: --id NAME."],
  });

/** Its file goes with it, while it is still held. */
function takeLock(host: LockHost, name: MachineName): Disposable | undefined {
  let lock: Disposable | undefined;
  try {
    lock = host.files.lock(lockPath(name), { mode: "exclusive" });
  } catch (error) {
    removeFile(host, name);
    throw error;
  }
  if (lock === undefined) return undefined;
  const held = lock;
  return {
    [Symbol.dispose]: () => {
      removeFile(host, name);
      held[Symbol.dispose]();
    },
  };
}

/** What stays says nothing once nobody holds it, and gc takes it away. */
function removeFile(host: LockHost, name: MachineName): void {
  try {
    host.files.remove(lockPath(name));
  } catch (error) {
    host.log.debug(`# ${String(error)}`);
  }
}

/** Looks, and makes nothing: /run may be full. */
export function isBeingPrepared(host: Pick<Host, "files">, name: MachineName): boolean {
  if (host.files.probe(lockPath(name)) === undefined) return false;
  using lock = host.files.lock(lockPath(name), { mode: "shared" });
  return lock === undefined;
}

/** Of those that are, and of those whose driver has died over it. */
export function listPreparing(host: Pick<Host, "files">): MachineName[] {
  if (host.files.probe(PREPARING_DIRECTORY) === undefined) return [];
  return host.files.list(PREPARING_DIRECTORY).filter(isMachineName);
}

/**
 * Whether it seems so, by names alone: a lock taken to look, at the wrong moment, keeps a driver from
 * its own. For who only gives way: gc takes away what a driver that died has left.
 */
export const anyIsPrepared = (host: Pick<Host, "files">): boolean => listPreparing(host).length > 0;

/** What a driver that died has left; nothing where one is at it. */
export function forgetPreparing(host: LockHost, name: MachineName): void {
  if (host.files.probe(lockPath(name)) === undefined) return;
  using lock = host.files.lock(lockPath(name), { mode: "exclusive" });
  if (lock !== undefined) host.files.remove(lockPath(name));
}
