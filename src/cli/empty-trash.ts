/** `internal-empty-trash ROOT`: the unit that deletes trees. */
import { emptyTrash } from "../storage/empty-trash.ts";
import type { Action } from "./context.ts";

export const emptyTrashAction: Action<[string]> = async ({ host }, rootDirectory) => {
  await emptyTrash(host, rootDirectory);
  return "success";
};
