/**
 * The directory that a call of `exec` works in. Whose call lives is known by a lock, which the kernel takes
 * from a process that dies, however it dies: what a killed one has left goes with the next call, or by gc.
 */
import type { Host } from "../host/host.ts";
import { WAITS } from "../host/waits.ts";
import { RUNTIME_DIRECTORY } from "../machine/machine-paths.ts";

/** On the disk: sources and artifacts may be large. */
const PARENT = "/tmp";
const PREFIX = "nspawn-runner-exec-";
const LOCKS_DIRECTORY = `${RUNTIME_DIRECTORY}/exec`;
const NAME = /^[a-z0-9]{10}$/;

const pathOf = (name: string): string => `${PARENT}/${PREFIX}${name}`;
const lockOf = (name: string): string => `${LOCKS_DIRECTORY}/${name}`;

/** Who only looks whether a lock is held holds it for a moment itself: then another name is free. */
const TRIES = 10;

export interface Scratch extends AsyncDisposable {
  readonly path: string;
}

/** Empty; others pass through to what is theirs in it, and see no names. */
export async function openScratch(host: Host): Promise<Scratch> {
  host.files.ensureDirectory(LOCKS_DIRECTORY, 0o700);
  for (let tries = 0; tries < TRIES; tries += 1) {
    const name = host.randomName(10);
    const held = host.files.lock(lockOf(name), { mode: "exclusive" });
    if (held === undefined) continue;
    host.files.createDirectory(pathOf(name), 0o711);
    return {
      path: pathOf(name),
      [Symbol.asyncDispose]: async () => {
        using _held = held;
        await remove(host, name);
      },
    };
  }
  throw new Error(`Every name in "${LOCKS_DIRECTORY}" is somebody's.`);
}

/** Names of those whose call has died. Looks only. */
export function findDeadScratches(host: Pick<Host, "files" | "userId">): readonly string[] {
  const names = new Set(listIn(host, LOCKS_DIRECTORY));
  for (const entry of listIn(host, PARENT)) {
    // Anybody may make a directory of such a name.
    if (!entry.startsWith(PREFIX)) continue;
    const facts = host.files.probe(`${PARENT}/${entry}`);
    if (facts?.kind === "directory" && facts.uid === host.userId)
      names.add(entry.slice(PREFIX.length));
  }
  return [...names].filter((name) => NAME.test(name) && !isHeld(host, name)).sort();
}

/** Idempotent. False when it is somebody's after all. */
export async function removeDeadScratch(host: Host, name: string): Promise<boolean> {
  host.files.ensureDirectory(LOCKS_DIRECTORY, 0o700);
  using held = host.files.lock(lockOf(name), { mode: "exclusive" });
  if (held === undefined) return false;
  await remove(host, name);
  return true;
}

/** The lock is the caller's; its file goes last. By a command: git directories are large. */
async function remove(host: Host, name: string): Promise<void> {
  await host.processes.exec(["rm", "-rf", "--one-file-system", "--", pathOf(name)], {
    wait: WAITS.copy,
  });
  host.files.remove(lockOf(name));
}

function isHeld({ files }: Pick<Host, "files">, name: string): boolean {
  if (files.probe(lockOf(name)) === undefined) return false;
  using lock = files.lock(lockOf(name), { mode: "shared" });
  return lock === undefined;
}

const listIn = ({ files }: Pick<Host, "files">, directory: string): readonly string[] =>
  files.probe(directory) === undefined ? [] : files.list(directory);
