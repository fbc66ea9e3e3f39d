/** Locks of images: who clones shares one, who exchanges a tree has it alone. */
import type { Host } from "../host/host.ts";
import { RunnerError } from "../text/errors.ts";
import type { ImageName } from "../text/names.ts";

const lockPath = (rootDirectory: string, name: ImageName): string =>
  `${rootDirectory}/.locks/${name}`;

/** Waits for the lock; it is held for moments only. */
export function imageLock(
  host: Pick<Host, "files">,
  rootDirectory: string,
  name: ImageName,
  mode: "shared" | "exclusive",
): Disposable {
  host.files.ensureDirectory(`${rootDirectory}/.locks`, 0o700);
  const lock = host.files.lock(lockPath(rootDirectory, name), { mode, wait: true });
  if (lock === undefined) throw new Error(`no lock of "${name}" after waiting for it`);
  return lock;
}

/** Held by a command that changes an image, to its end. Throws at once when another one has it. */
export function changeLock(
  host: Pick<Host, "files">,
  rootDirectory: string,
  name: ImageName,
): Disposable {
  const lock = tryChangeLock(host, rootDirectory, name);
  if (lock !== undefined) return lock;
  throw new RunnerError({
    kind: "system",
    message: `Cannot change the image "${name}": another command is changing it.`,
    hints: ["Wait until that command has ended."],
  });
}

/** As `changeLock`, but nothing when another command has it. */
export function tryChangeLock(
  host: Pick<Host, "files">,
  rootDirectory: string,
  name: ImageName,
): Disposable | undefined {
  host.files.ensureDirectory(`${rootDirectory}/.locks`, 0o700);
  const path = `${lockPath(rootDirectory, name)}.change`;
  return host.files.lock(path, { mode: "exclusive", wait: false });
}
