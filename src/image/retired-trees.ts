/**
 * Trees of plain images that were exchanged for others: no job gets them any more, but machines may
 * still have them as their lower layer. Release 0.1.0 moved them into the trash.
 */
import type { Host } from "../host/host.ts";
import { listStrange } from "../storage/trash.ts";
import { isTreeId, type TreeId } from "../text/names.ts";
import type { ImageStore } from "./draft.ts";
import { mayBeUsed, usedTrees } from "./used-trees.ts";

const retiredDirectory = (store: ImageStore): string => `${store.rootDirectory}/.retired`;

/** A place for the tree of that name, which is not there yet. */
export function retiredPlace(host: Host, store: ImageStore, id: TreeId): string {
  host.files.ensureDirectory(retiredDirectory(store), 0o700);
  return `${retiredDirectory(store)}/${id}.${host.randomName(8)}`;
}

/** Those that no machine was cloned from. Looks only. */
export function findRetired(host: Host, store: ImageStore): string[] {
  const used = usedTrees(host);
  // Nobody knows which trees those are: as long as there may be a machine of that release, they stay.
  const strange = used.unknown ? [] : listStrange(host, store.rootDirectory);
  const directory = retiredDirectory(store);
  if (host.files.probe(directory) === undefined) return strange;
  const isUnused = (entry: string): boolean => {
    const [id] = entry.split(".");
    return !mayBeUsed(used, isTreeId(id) ? id : undefined);
  };
  const entries = host.files.list(directory).filter(isUnused);
  return [...strange, ...entries.map((entry) => `${directory}/${entry}`)];
}
