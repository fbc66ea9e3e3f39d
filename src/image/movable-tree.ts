/**
 * Whether a tree that came by hand can be exchanged for another or taken away: both are renames, which
 * mount points (EBUSY) and read-only subvolumes (EROFS) refuse.
 */
import type { Host } from "../host/host.ts";
import { BTRFS_MAGIC } from "../storage/btrfs-facts.ts";
import { RunnerError } from "../text/errors.ts";
import type { ImageStore } from "./draft.ts";
import type { Image } from "./find-image.ts";

/** `btrfs receive` leaves such, which are made writable only by force. */
const MAKE_WRITABLE = ["btrfs", "property", "set", "-f", "-t", "subvol"];

/** Throws when a changed tree could not be put in the place of the image's. To be asked first. */
export function requireExchangeable(host: Pick<Host, "files">, { kind, name, tree }: Image): void {
  if (kind !== "plain") return;
  if (host.files.isMountPoint(tree)) {
    throw refusal(`change the image "${name}": something is mounted on "${tree}"`, [
      "Change what is mounted there, or have a copy of it instead of the mount.",
    ]);
  }
  if (host.files.isReadOnly(tree)) {
    throw refusal(`change the image "${name}": "${tree}" is read-only`, [
      `Make it writable: ${MAKE_WRITABLE.join(" ")} "${tree}" ro false`,
    ]);
  }
}

/** Throws for a mount point: what is mounted is not ours to take away. */
export function requireNoMount(host: Pick<Host, "files">, path: string): void {
  if (!host.files.isMountPoint(path)) return;
  throw refusal(`remove "${path}": something is mounted there`, [`Unmount it: umount "${path}"`]);
}

/** Makes a read-only subvolume writable, which is about to be removed. */
export async function makeMovable(
  host: Pick<Host, "files" | "processes">,
  tree: string,
): Promise<void> {
  if (host.files.probeFileSystem(tree).magic !== BTRFS_MAGIC) return;
  if (!host.files.isReadOnly(tree)) return;
  await host.processes.exec([...MAKE_WRITABLE, tree, "ro", "false"]);
}

/** Whether clones of it would be faster if it were a tree of another make, and it can become one. */
export function wantsOwnTree(host: Host, { storage }: ImageStore, image: Image): boolean {
  if (!storage.traits.needsOwnTree || image.kind !== "plain") return false;
  return !storage.isOwnTree(host, image.tree) && !host.files.isMountPoint(image.tree);
}

function refusal(what: string, hints: readonly string[]): RunnerError {
  return new RunnerError({ kind: "system", message: `Cannot ${what}.`, hints: [...hints] });
}
