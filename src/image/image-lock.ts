/** Locks of images: who clones shares one, who exchanges a tree has it alone. */

import type { Host } from "../host/host.ts";
import { WAITS } from "../host/waits.ts";
import { RunnerError } from "../text/errors.ts";
import { escapeUntrusted } from "../text/escape.ts";

const lockPath = (rootDirectory: string, name: string): string => `${rootDirectory}/.locks/${name}`;

/** Waits for the lock; it is held for moments only. */
export function imageLock(
  host: Pick<Host, "files">,
  rootDirectory: string,
  name: string,
  mode: "shared" | "exclusive",
): Disposable {
  host.files.ensureDirectory(`${rootDirectory}/.locks`, 0o700);
  const lock = host.files.lock(lockPath(rootDirectory, name), { mode, wait: true });
  if (lock === undefined) throw new Error(`no lock of "${name}" after waiting for it`);
  return lock;
}

/** The lock alone, for removing what nobody is cloning just now; nothing when somebody is. */
export function tryImageLock(
  host: Pick<Host, "files">,
  rootDirectory: string,
  name: string,
): Disposable | undefined {
  return host.files.lock(lockPath(rootDirectory, name), { mode: "exclusive", wait: false });
}

/** A lock that is ours, or the words of who has it. */
export type ChangeLock = Disposable &
  ({ readonly kind: "held" } | { readonly kind: "taken"; readonly by: string });

type LockHost = Pick<Host, "files" | "processId" | "commandLine">;

/** Held by a command that changes an image, to its end. Does not wait. */
export function changeLock(host: LockHost, rootDirectory: string, name: string): ChangeLock {
  host.files.ensureDirectory(`${rootDirectory}/.locks`, 0o700);
  const path = `${lockPath(rootDirectory, name)}.change`;
  const lock = host.files.lock(path, { mode: "exclusive", wait: false });
  if (lock === undefined) {
    return { kind: "taken", by: whoHas(host, `${path}.by`), [Symbol.dispose]: () => {} };
  }
  using held = new DisposableStack();
  held.use(lock);
  const words = host.commandLine.join(" ").slice(0, 200);
  host.files.writeText(`${path}.by`, `process ${host.processId} ("${words}")\n`, 0o600);
  const kept = held.move();
  return { kind: "held", [Symbol.dispose]: () => kept.dispose() };
}

/** As `changeLock`, but throws when another command has it. */
export function requireChangeLock(host: LockHost, rootDirectory: string, name: string): Disposable {
  const lock = changeLock(host, rootDirectory, name);
  if (lock.kind === "held") return lock;
  throw new RunnerError({
    kind: "system",
    message: `Cannot change the image "${name}": ${lock.by} is changing it.`,
    hints: ["Wait until that command has ended."],
  });
}

/** As `changeLock`, but waits for its holder's end; `onWait` hears who that is, once. */
export async function awaitChangeLock(
  host: LockHost & Pick<Host, "processes" | "signal">,
  rootDirectory: string,
  name: string,
  onWait: (by: string) => void,
): Promise<Disposable> {
  let told = false;
  while (true) {
    const lock = changeLock(host, rootDirectory, name);
    if (lock.kind === "held") return lock;
    if (!told) onWait(lock.by);
    told = true;
    // flock(1) waits in a process of its own, which a signal to us can end.
    const path = `${lockPath(rootDirectory, name)}.change`;
    await host.processes.run(["flock", path, "true"], {
      onCancel: "kill",
      wait: WAITS.build,
    });
    if (host.signal.aborted) {
      throw new RunnerError({ kind: "system", message: `Waiting for ${lock.by} was ended.` });
    }
  }
}

/** Its holder may not have written who it is yet. */
function whoHas(host: LockHost, path: string): string {
  if (host.files.probe(path) === undefined) return "another command";
  return escapeUntrusted(host.files.readText(path).trim());
}

/** Removes the files of a lock that nobody will ask for again. The caller has the lock alone. */
export function removeLock(host: Pick<Host, "files">, rootDirectory: string, name: string): void {
  const path = lockPath(rootDirectory, name);
  for (const file of [path, `${path}.change`, `${path}.change.by`]) host.files.remove(file);
}
