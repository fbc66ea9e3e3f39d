/**
 * Limits of btrfs, where its administrator has turned simple quotas on (Linux 6.7). Each extent counts for
 * the subvolume that has written it, so a snapshot begins with nothing, and nothing is ever looked for
 * again. See docs/decisions/0019-quotas-are-the-file-systems.md.
 */
import { WAITS } from "../host/waits.ts";
import { BTRFS_MAGIC } from "./btrfs-facts.ts";
import type { DiskLimiter, StrayLimit } from "./disk-limiter.ts";
import type { StorageFit, StorageHost } from "./storage.ts";

/**
 * Of groups that hold a machine's subvolumes, whose numbers are that of the first. The limit is theirs: what
 * a machine makes of subvolumes inside falls into the same group. Others use the lowest levels.
 */
const LEVEL = 19_520;

const treeOf = (directory: string): string => `${directory}/root`;

export const simpleQuotas: DiskLimiter = {
  probe,
  readLeft: async (host, { directory }) => {
    const tree = treeOf(directory);
    const id = await readSubvolumeId(host, tree);
    const groups = await listGroups(host, tree, ["--sync"]);
    return groups.find((group) => group.id === `${LEVEL}/${id}`)?.leftBytes;
  },
};

function probe(host: StorageHost, rootDirectory: string): StorageFit {
  if (host.files.probeFileSystem(rootDirectory).magic !== BTRFS_MAGIC) {
    return {
      kind: "unfit",
      reason: `"${rootDirectory}" is not on btrfs`,
      hint: "Put root_directory on btrfs.",
    };
  }
  switch (host.quotas.probeSubvolumes(rootDirectory)) {
    case "simple":
      return { kind: "fits" };
    case "groups":
      return {
        kind: "unfit",
        reason: `the btrfs of "${rootDirectory}" has quotas of the kind that counts shared data, which slows snapshots down`,
        hint: `Turn them off ("btrfs quota disable ${rootDirectory}"), and simple ones on ("btrfs quota enable --simple ${rootDirectory}").`,
      };
    default:
      return {
        kind: "unfit",
        reason: `the btrfs of "${rootDirectory}" has no simple quotas`,
        hint: `Turn them on: "btrfs quota enable --simple ${rootDirectory}" (Linux 6.7, btrfs-progs 6.7; older ones cannot mount it then).`,
      };
  }
}

/** Before anybody writes into the subvolume. */
export async function limitSubvolume(
  host: StorageHost,
  tree: string,
  bytes: number,
): Promise<void> {
  const id = await readSubvolumeId(host, tree);
  const group = `${LEVEL}/${id}`;
  // In this order: a group is stray as soon as its first subvolume is gone.
  for (const words of [
    ["create", group],
    ["assign", "--no-rescan", `0/${id}`, group],
    ["limit", String(bytes), group],
  ]) {
    await host.processes.exec(["btrfs", "qgroup", ...words, tree]);
  }
}

/**
 * So that all in it can be deleted: of a subvolume that is full, nothing can be moved out, and no subvolume
 * in it be deleted (btrfs_subvolume_reserve_metadata() of Linux). Nothing to lift is fine.
 */
export async function liftLimit(
  host: Pick<StorageHost, "processes" | "quotas">,
  tree: string,
): Promise<void> {
  if (host.quotas.probeSubvolumes(tree) !== "simple") return;
  const group = `${LEVEL}/${await readSubvolumeId(host, tree)}`;
  // Told to the full subvolume itself, it would be refused too.
  const above = tree.slice(0, tree.lastIndexOf("/"));
  await host.processes.run(["btrfs", "qgroup", "limit", "none", group, above]);
}

async function readSubvolumeId(
  { processes }: Pick<StorageHost, "processes">,
  tree: string,
): Promise<string> {
  return (await processes.exec(["btrfs", "inspect-internal", "rootid", tree])).trim();
}

/** Groups of ours whose machine's subvolumes are gone. The kernel removes a subvolume's own (Linux 6.11). */
export async function findStrayGroups(
  host: StorageHost,
  rootDirectory: string,
): Promise<StrayLimit[]> {
  if (host.quotas.probeSubvolumes(rootDirectory) !== "simple") return [];
  return findStray(await listGroups(host, rootDirectory)).map((id) => ({
    what: `the quota group "${id}"`,
    remove: async ({ processes }) => {
      await processes.exec(["btrfs", "qgroup", "destroy", id, rootDirectory]);
    },
  }));
}

const listGroups = async (
  { processes }: StorageHost,
  path: string,
  options: readonly string[] = [],
): Promise<QuotaGroup[]> =>
  parseGroups(
    await processes.exec(["btrfs", "qgroup", "show", "-r", "-c", "--raw", ...options, path], {
      wait: WAITS.diskCount,
    }),
  );

interface QuotaGroup {
  readonly id: string;
  /** Until its limit; nothing where it has none. */
  readonly leftBytes: number | undefined;
  /** Whether groups are in it. */
  readonly isParent: boolean;
}

/** Lines of a group's id, what it refers to, what it has alone, the limit of the first, and its children. */
export function parseGroups(shown: string): QuotaGroup[] {
  return shown.split("\n").flatMap((line) => {
    const [, id, bytes, most, children] =
      /^(\d+\/\d+) +(\d+) +\d+ +(\d+|none) +(\S+)/.exec(line) ?? [];
    if (id === undefined) return [];
    const leftBytes = most === "none" ? undefined : Math.max(Number(most) - Number(bytes), 0);
    return [{ id, leftBytes, isParent: children !== "-" }];
  });
}

export function findStray(groups: readonly QuotaGroup[]): string[] {
  const known = new Set(groups.map(({ id }) => id));
  return groups.flatMap(({ id, isParent }) => {
    const [level, subvolume] = id.split("/");
    const isStray = level === String(LEVEL) && !isParent && !known.has(`0/${subvolume}`);
    return isStray ? [id] : [];
  });
}
