/** Which trees machines were cloned from: those must stay (decision 2). */
import { listMachines } from "../machine/machine-list.ts";
import type { RecordHost } from "../record/record.ts";

export interface UsedTrees {
  /** Of every machine whose state can be read. */
  readonly known: ReadonlySet<string>;
  /** Whether there is a machine of which nobody can say what it uses: any tree may be in use. */
  readonly unknown: boolean;
}

export function usedTrees(host: RecordHost): UsedTrees {
  const states = listMachines(host).map((machine) => machine.state);
  return {
    known: new Set(states.flatMap((state) => (state.kind === "read" ? state.value.source : []))),
    unknown: states.some((state) => state.kind === "unreadable" || isTorn(state)),
  };
}

/** A machine without any state is being prepared, and whoever does that holds the tree's lock. */
const isTorn = (state: { readonly kind: string; readonly torn?: boolean }): boolean =>
  state.kind === "absent" && state.torn === true;

export function mayBeUsed(used: UsedTrees, identity: string): boolean {
  return used.unknown || used.known.has(identity);
}
