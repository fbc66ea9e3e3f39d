/** Which trees machines were cloned from: those must stay (decision 2). */
import { listMachines } from "../machine/machine-list.ts";
import { cloneDirectory } from "../machine/machine-paths.ts";
import type { MachineState } from "../machine/machine-state.ts";
import type { RecordHost, RecordRead } from "../record/record.ts";
import { isTreeId, type TreeId } from "../text/names.ts";
import { unreachable } from "../text/unreachable.ts";
import { isNameLost, readTreeId } from "./tree-id.ts";
import { listTrees, retiredDirectory } from "./tree-places.ts";

export interface UsedTrees {
  /** Of every machine whose state can be read. */
  readonly known: ReadonlySet<TreeId>;
  /** Whether there is a machine of which nobody can say what it uses: any tree may be in use. */
  readonly unknown: boolean;
  /**
   * Whether a machine was cloned from a tree that no tree here says it is: it may be any of those
   * that say nothing. Looks at all of them.
   */
  readonly lost: () => boolean;
}

export function usedTrees(host: RecordHost, rootDirectory: string): UsedTrees {
  const machines = listMachines(host);
  const known = new Set(
    machines.flatMap(({ state }) => (state.kind === "read" ? (state.value.source ?? []) : [])),
  );
  const unknown =
    machines.some(({ state }) => isUnknown(state)) ||
    [...known].some((id) => isNameLost(host, rootDirectory, id));
  return { known, unknown, lost: () => hasLost(host, rootDirectory) };
}

/** A machine without any state is being prepared, and whoever does that holds the tree's lock. */
function isUnknown(state: RecordRead<MachineState>): boolean {
  switch (state.kind) {
    case "absent":
      return state.torn;
    case "read":
      return state.value.source === undefined;
    case "unreadable":
      return true;
    default:
      return unreachable(state);
  }
}

function hasLost(host: RecordHost, rootDirectory: string): boolean {
  const cloned = listMachines(host).flatMap(({ name, state }) => {
    // One that works in a draft has no clone, and its source is that draft.
    const isClone = host.files.probe(cloneDirectory(rootDirectory, name)) !== undefined;
    return isClone && state.kind === "read" ? (state.value.source ?? []) : [];
  });
  if (cloned.length === 0) return false;
  const trees = listTrees(host, rootDirectory);
  const named = new Set(trees.map((tree) => nameOf(host, rootDirectory, tree)));
  return cloned.some((id) => !named.has(id));
}

/** One that was exchanged for another has its name in its path: what else said it may be gone. */
function nameOf(host: RecordHost, rootDirectory: string, tree: string): TreeId | undefined {
  const retired = `${retiredDirectory(rootDirectory)}/`;
  if (!tree.startsWith(retired)) return readTreeId(host, { rootDirectory, tree });
  const [id] = tree.slice(retired.length).split(".");
  return isTreeId(id) ? id : undefined;
}

/** A tree without a name was never cloned (whoever clones one gives it a name first), or has lost it. */
export function mayBeUsed(used: UsedTrees, id: TreeId | undefined): boolean {
  if (used.unknown) return true;
  return id === undefined ? used.lost() : used.known.has(id);
}
