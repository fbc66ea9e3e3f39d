/** Which trees machines were cloned from: those must stay (decision 2). */
import { listMachines } from "../machine/machine-list.ts";
import type { MachineState } from "../machine/machine-state.ts";
import type { RecordHost, RecordRead } from "../record/record.ts";
import type { TreeId } from "../text/names.ts";
import { unreachable } from "../text/unreachable.ts";

export interface UsedTrees {
  /** Of every machine whose state can be read. */
  readonly known: ReadonlySet<TreeId>;
  /** Whether there is a machine of which nobody can say what it uses: any tree may be in use. */
  readonly unknown: boolean;
}

export function usedTrees(host: RecordHost): UsedTrees {
  const states = listMachines(host).map((machine) => machine.state);
  return {
    known: new Set(
      states.flatMap((state) => (state.kind === "read" ? (state.value.source ?? []) : [])),
    ),
    unknown: states.some(isUnknown),
  };
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

/** A tree without a name was never cloned: whoever clones one gives it a name first. */
export function mayBeUsed(used: UsedTrees, id: TreeId | undefined): boolean {
  return used.unknown || (id !== undefined && used.known.has(id));
}
