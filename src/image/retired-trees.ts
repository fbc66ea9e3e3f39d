/**
 * Trees of plain images that were exchanged for others: no job gets them any more, but machines may
 * still have them as their lower layer. Release 0.1.0 moved them into the trash.
 */
import type { Host } from "../host/host.ts";
import { discardTree, listStrange } from "../storage/trash.ts";
import { isTreeId, type TreeId } from "../text/names.ts";
import type { ImageStore } from "./draft.ts";
import { retiredDirectory } from "./tree-places.ts";
import { mayBeUsed, usedTrees } from "./used-trees.ts";

/** A place for the tree of that name, which is not there yet. */
export function retiredPlace(host: Host, { rootDirectory }: ImageStore, id: TreeId): string {
  host.files.ensureDirectory(retiredDirectory(rootDirectory), 0o700);
  return `${retiredDirectory(rootDirectory)}/${id}.${host.randomName(8)}`;
}

/** Those that no machine was cloned from. Looks only. */
export function findRetired(host: Host, { rootDirectory }: ImageStore): string[] {
  // In this order: a machine that is cloned meanwhile was not cloned from one of these.
  const directory = retiredDirectory(rootDirectory);
  const entries = host.files.probe(directory) === undefined ? [] : host.files.list(directory);
  const strange = listStrange(host, rootDirectory);
  const used = usedTrees(host, rootDirectory);
  const isUnused = (entry: string): boolean => {
    const [id] = entry.split(".");
    return !mayBeUsed(used, isTreeId(id) ? id : undefined);
  };
  return [
    // Nobody knows which trees those are: as long as there may be a machine of that release, they stay.
    ...(used.unknown ? [] : strange),
    ...entries.filter(isUnused).map((entry) => `${directory}/${entry}`),
  ];
}

/** False when it turns out that a machine was cloned from it: it stays. */
export async function discardRetired(
  host: Host,
  store: ImageStore,
  path: string,
): Promise<boolean> {
  if (!findRetired(host, store).includes(path)) return false;
  await discardTree(host, store.rootDirectory, path);
  return true;
}
