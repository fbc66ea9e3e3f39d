/** The lock of a command that changes an image, from its first look to its end: minutes, or hours. */
import type { Host } from "../host/host.ts";
import { WAITS } from "../host/waits.ts";
import { RunnerError } from "../text/errors.ts";
import { changeLockPath, ensureLocks } from "./lock-paths.ts";

type LockHost = Pick<Host, "files" | "locks">;

/** The lock, or nothing when another command has it. Does not wait. */
export function tryChangeLock(
  host: Pick<Host, "files">,
  rootDirectory: string,
  name: string,
): Disposable | undefined {
  ensureLocks(host, rootDirectory);
  return host.files.lock(changeLockPath(rootDirectory, name), { mode: "exclusive" });
}

/** Whether a command has it. Looks, and makes nothing. */
export function isChanging(
  host: Pick<Host, "files">,
  rootDirectory: string,
  name: string,
): boolean {
  const path = changeLockPath(rootDirectory, name);
  if (host.files.probe(path) === undefined) return false;
  using lock = host.files.lock(path, { mode: "shared" });
  return lock === undefined;
}

/** As `tryChangeLock`, but throws when another command has it. */
export function requireChangeLock(host: LockHost, rootDirectory: string, name: string): Disposable {
  const lock = tryChangeLock(host, rootDirectory, name);
  if (lock !== undefined) return lock;
  const holder = host.locks.holder(changeLockPath(rootDirectory, name));
  throw new RunnerError({
    kind: "system",
    message: `Cannot change the image "${name}": ${holder} is changing it.`,
    hints: ["Wait until that command has ended."],
  });
}

/** As `tryChangeLock`, but waits for its holder's end; `onWait` hears who that is, once. */
export function awaitChangeLock(
  host: LockHost,
  rootDirectory: string,
  name: string,
  onWait: (by: string) => void,
): Promise<Disposable> {
  return host.locks.wait({
    path: changeLockPath(rootDirectory, name),
    what: `image "${name}" for changing it`,
    wait: WAITS.changeLock,
    take: () => tryChangeLock(host, rootDirectory, name),
    onWait,
  });
}
