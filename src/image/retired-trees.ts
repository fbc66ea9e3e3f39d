/**
 * Trees of plain images that were exchanged for others: no job gets them any more, but machines may
 * still have them as their lower layer.
 */
import type { Host } from "../host/host.ts";
import { discardTree } from "../storage/trash.ts";
import { isTreeId, type TreeId } from "../text/names.ts";
import { onlyWarn } from "../text/only-warn.ts";
import type { ImageStore } from "./draft.ts";
import { mayBeUsed, usedTrees } from "./used-trees.ts";

const retiredDirectory = (store: ImageStore): string => `${store.rootDirectory}/.retired`;

/** A place for the tree of that name, which is not there yet. */
export function retiredPlace(host: Host, store: ImageStore, id: TreeId): string {
  host.files.ensureDirectory(retiredDirectory(store), 0o700);
  return `${retiredDirectory(store)}/${id}.${host.randomName(8)}`;
}

/** Throws away those that no machine was cloned from. */
export async function discardRetired(host: Host, store: ImageStore): Promise<void> {
  const directory = retiredDirectory(store);
  if (host.files.probe(directory) === undefined) return;
  const used = usedTrees(host);
  for (const entry of host.files.list(directory)) {
    const path = `${directory}/${entry}`;
    const [id] = entry.split(".");
    if (mayBeUsed(used, isTreeId(id) ? id : undefined)) continue;
    await onlyWarn(host.log, `remove "${path}", which was replaced`, () =>
      discardTree(host, store.rootDirectory, path),
    );
  }
}
