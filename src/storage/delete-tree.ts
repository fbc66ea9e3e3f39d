/**
 * Deletes one tree, whatever a job, an image or a creator has made of it: deep, with subvolumes,
 * read-only ones, below paths that no call takes, immutable files, mounts, names of any bytes. By
 * commands that each walk as they go; no name in the tree is ever read by us.
 */
import type { CommandResult, Host } from "../host/host.ts";
import { WAITS } from "../host/waits.ts";
import { escapeUntrusted } from "../text/escape.ts";
import { BTRFS_MAGIC, SUBVOLUME_INODE } from "./btrfs-facts.ts";
import { liftLimit } from "./simple-quotas.ts";

export type DeletingHost = Pick<Host, "files" | "processes" | "mounts" | "quotas" | "randomName">;

export interface Undeleted {
  /** What is left of the tree: itself, or directories beside it with its subvolumes. */
  readonly paths: readonly string[];
  /** Why, as a sentence. */
  readonly reason: string;
}

const DELETING = { onCancel: "kill", wait: WAITS.deletion } as const;

/**
 * Returns what is left, which is nothing when all is gone. To be called in a mount namespace that
 * nobody else mounts into.
 */
export async function deleteTree(host: DeletingHost, path: string): Promise<Undeleted | undefined> {
  const kind = host.files.probe(path)?.kind;
  if (kind === undefined) return undefined;
  const [mounted] = host.mounts.detachBelow(path);
  if (mounted !== undefined) {
    const reason = `Something is mounted on "${escapeUntrusted(mounted)}", and cannot be unmounted.`;
    return { paths: [path], reason };
  }
  const isBtrfs = kind === "directory" && host.files.probeFileSystem(path).magic === BTRFS_MAGIC;
  // Of most that is all: the snapshot that a machine ran in, then what is around it.
  if (isBtrfs) await deleteOuterSubvolume(host, path);
  let removal = await removeFiles(host, [path]);
  if (isBtrfs) for (const tree of outerSubvolumes(host, path)) await liftLimit(host, tree);
  let places = [path];
  const left = (): string[] => places.filter((place) => host.files.probe(place) !== undefined);
  for (const clear of [async () => {}, removeFlags]) {
    if (left().length === 0) return undefined;
    await clear(host, left());
    if (isBtrfs) places = [...left(), await moveSubvolumes(host, { path, from: left() })];
    if (isBtrfs) await deleteSubvolumesIn(host, places.at(-1) ?? "");
    removal = await removeFiles(host, places);
  }
  const paths = left();
  return paths.length === 0 ? undefined : { paths, reason: lastWords(removal) };
}

function lastWords({ stderr }: CommandResult): string {
  const line = stderr.trim().split("\n").at(-1) ?? "";
  return line === "" ? "Nobody says why." : `${escapeUntrusted(line)}.`;
}

/** GNU rm(1): as deep as it may be, and from one file system only, which on btrfs is one subvolume. */
const removeFiles = (host: DeletingHost, paths: readonly string[]): Promise<CommandResult> =>
  host.processes.run(["rm", "-rf", "--one-file-system", "--", ...paths], DELETING);

/** A tree itself, and what a machine's clone is. */
const outerSubvolumes = ({ files }: DeletingHost, path: string): string[] =>
  [path, `${path}/root`].filter((tree) => files.probe(tree)?.inode === SUBVOLUME_INODE);

/** Fails where others are in it. */
async function deleteOuterSubvolume(host: DeletingHost, path: string): Promise<void> {
  for (const tree of outerSubvolumes(host, path)) {
    await host.processes.run(["btrfs", "--quiet", "subvolume", "delete", tree], DELETING);
  }
}

const SUBVOLUMES = ["-type", "d", "-inum", `${SUBVOLUME_INODE}`];
const RANDOM_LENGTH = 8;

/** Into a new directory for each call: names are unique in the one that they come from. */
const MOVE = 'place=$(mktemp -d "$0/XXXXXXXXXX") && exec mv -t "$place" -- "$@"';

/**
 * A subvolume can only be deleted by its path, once nothing is in it that is one. A job makes paths
 * that are longer than any call takes, so each is first moved to a short one, the innermost first;
 * find(1) changes into the directory of each (`-execdir`). Returns where they are now: beside `path`,
 * so that a deleter that is killed here leaves nothing that the next one does not find.
 */
async function moveSubvolumes(
  host: DeletingHost,
  { path, from }: { readonly path: string; readonly from: readonly string[] },
): Promise<string> {
  const place = `${path}.${host.randomName(RANDOM_LENGTH)}`;
  host.files.createDirectory(place, 0o700);
  // Nothing can be moved out of a read-only one (access(2): EROFS); the flag may say that it was
  // received (-f). The outermost first.
  const writable = ["property", "set", "-f", "-t", "subvol", "{}", "ro", "false", ";"];
  await host.processes.run(
    ["find", ...from, ...SUBVOLUMES, "!", "-writable", "-execdir", "btrfs", ...writable],
    DELETING,
  );
  await host.processes.run(
    ["find", ...from, "-depth", ...SUBVOLUMES, "-execdir", "sh", "-c", MOVE, place, "{}", "+"],
    DELETING,
  );
  return place;
}

async function deleteSubvolumesIn(host: DeletingHost, place: string): Promise<void> {
  const each = ["-mindepth", "2", "-maxdepth", "2", ...SUBVOLUMES];
  await host.processes.run(
    ["find", place, ...each, "-exec", "btrfs", "--quiet", "subvolume", "delete", "{}", "+"],
    DELETING,
  );
}

/** Immutable and append-only (chattr(1)), which only files and directories can be. */
async function removeFlags(host: DeletingHost, places: readonly string[]): Promise<void> {
  const kinds = ["(", "-type", "d", "-o", "-type", "f", ")"];
  await host.processes.run(
    ["find", ...places, ...kinds, "-execdir", "chattr", "-f", "-i", "-a", "{}", "+"],
    DELETING,
  );
}
