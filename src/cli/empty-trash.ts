/** `internal-empty-trash ROOT`: the unit that deletes trees. */
import { anyIsPrepared } from "../machine/preparing.ts";
import { emptyTrash } from "../storage/empty-trash.ts";
import { givingWay } from "../storage/give-way.ts";
import type { Action } from "./context.ts";

export const emptyTrashAction: Action<[string]> = async ({ host }, rootDirectory) => {
  const deleting = givingWay(host, () => anyIsPrepared(host));
  await emptyTrash(deleting, rootDirectory);
  return "success";
};
