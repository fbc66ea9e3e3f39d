/** The deleter: what the unit does that `trash.ts` starts. At most one works, by a lock. */
import type { Host } from "../host/host.ts";
import { formatError } from "../text/format-error.ts";
import { deleteTree, type Undeleted } from "./delete-tree.ts";
import { keptDirectory, listTrash, trashDirectory, trashLock } from "./trash.ts";

/**
 * Deletes all that is in the trash, or sets it aside with the reason. Returns at once when another
 * is at it. Throws nothing for what cannot be deleted: it would be started again in vain.
 */
export async function emptyTrash(host: Host, rootDirectory: string): Promise<void> {
  // Left where they are, for the next time.
  const stuck = new Set<string>();
  const waiting = (): string[] => listTrash(host, rootDirectory).filter((name) => !stuck.has(name));
  // Whoever throws something away while the lock is held relies on the holder: hence the look after
  // it has been let go.
  while (waiting().length > 0 && !host.signal.aborted) {
    using lock = host.files.lock(trashLock(rootDirectory), { mode: "exclusive" });
    if (lock === undefined) return;
    for (let names = waiting(); names.length > 0; names = waiting()) {
      for (const name of names) {
        for (const one of await deleteOrSetAside(host, rootDirectory, name)) stuck.add(one);
        if (host.signal.aborted) return;
      }
    }
  }
}

/** Returns the names of what is in the trash all the same. */
async function deleteOrSetAside(
  host: Host,
  rootDirectory: string,
  name: string,
): Promise<readonly string[]> {
  try {
    const left = await deleteTree(host, `${trashDirectory(rootDirectory)}/${name}`);
    return left === undefined ? [] : setAside(host, rootDirectory, left);
  } catch (error) {
    // Nothing is wrong with the tree: a command was not to be had, or the disk is full, or we are to end.
    const why = formatError(error, { debug: false });
    host.log.warn(
      `Deleting "${trashDirectory(rootDirectory)}/${name}" is tried again later. ${why}`,
    );
    return [name];
  }
}

/** Returns the names of those that could not be. */
function setAside(host: Host, rootDirectory: string, { paths, reason }: Undeleted): string[] {
  host.log.warn(`Cannot delete "${paths[0]}". ${reason}`);
  const kept = keptDirectory(host, rootDirectory);
  return paths.flatMap((path) => {
    const name = path.slice(path.lastIndexOf("/") + 1);
    try {
      host.files.ensureDirectory(kept, 0o700);
      host.files.renameNew(path, `${kept}/${name}`);
      host.files.writeText(`${kept}/${name}${REASON_SUFFIX}`, `${reason}\n`, 0o600);
    } catch (error) {
      host.log.debug(`# ${String(error)}`);
    }
    return host.files.probe(path) === undefined ? [] : [name];
  });
}

const REASON_SUFFIX = ".why";

export interface KeptTree {
  readonly path: string;
  readonly reason: string;
}

/** What could not be deleted since the host has booted. */
export function listKept(host: Pick<Host, "files">, rootDirectory: string): KeptTree[] {
  const kept = keptDirectory(host, rootDirectory);
  if (host.files.probe(kept) === undefined) return [];
  const names = host.files.list(kept);
  return names
    .filter((name) => !name.endsWith(REASON_SUFFIX))
    .map((name) => ({
      path: `${kept}/${name}`,
      reason: names.includes(name + REASON_SUFFIX)
        ? host.files.readText(`${kept}/${name}${REASON_SUFFIX}`).trim()
        : "see the journal",
    }));
}
