/**
 * The lock of an image's trees: who clones one shares it, who exchanges or takes away one has it
 * alone. It is held for a few renames, or until a machine's clone is made: nobody deletes, copies for
 * a build, boots or syncs under it.
 */
import type { Host } from "../host/host.ts";
import { WAITS } from "../host/waits.ts";
import { ensureLocks, treeLockPath, turnPath } from "./lock-paths.ts";

type LockHost = Pick<Host, "files" | "locks">;

/**
 * Waits for the lock. Fair to whoever wants it alone, which jobs that begin all the time would
 * otherwise keep out for ever: it takes the turn first, and who comes to share the lock stands behind.
 */
export async function treeLock(
  host: LockHost,
  rootDirectory: string,
  name: string,
  mode: "shared" | "exclusive",
): Promise<Disposable> {
  ensureLocks(host, rootDirectory);
  const wanted = { what: `the trees of image "${name}"`, wait: WAITS.treeLock };
  const path = treeLockPath(rootDirectory, name);
  const turn = turnPath(rootDirectory, name);
  if (mode === "shared") {
    return host.locks.wait({ ...wanted, path, take: () => takeShared(host, { path, turn }) });
  }
  using _turn = await host.locks.wait({
    ...wanted,
    path: turn,
    take: () => host.files.lock(turn, { mode }),
  });
  return await host.locks.wait({ ...wanted, path, take: () => host.files.lock(path, { mode }) });
}

function takeShared(
  host: Pick<Host, "files">,
  { path, turn }: { readonly path: string; readonly turn: string },
): Disposable | undefined {
  using free = host.files.lock(turn, { mode: "shared" });
  return free === undefined ? undefined : host.files.lock(path, { mode: "shared" });
}

/** The lock alone, for taking away what nobody is cloning just now; nothing when somebody is. */
export function tryTreeLock(
  host: Pick<Host, "files">,
  rootDirectory: string,
  name: string,
): Disposable | undefined {
  ensureLocks(host, rootDirectory);
  return host.files.lock(treeLockPath(rootDirectory, name), { mode: "exclusive" });
}
