/** Failures to order: which effect of a process fails, and how. */

/**
 * `refused`: the effect does not happen, or a command that copies does half of it, and is told as
 * failed. `done`: it happens, and is told as failed. `killed`: the process is dead from before this
 * effect on, so that none of its clean-up happens either.
 */
export interface FailureOrder {
  readonly at: number;
  readonly how: "refused" | "done" | "killed";
}

export class Killed extends Error {
  override readonly name = "Killed";
}

export interface Effects {
  /** All effects so far, each a file that was changed or a command that was run. */
  readonly log: readonly string[];
  /** What is to happen to the next effect. Throws when the process is dead. */
  begin(what: string): "works" | "refused" | "done";
  /** A change of a file: all of it or nothing. */
  change<T>(what: string, action: () => T): T;
}

export function openEffects(order?: FailureOrder): Effects {
  const log: string[] = [];
  const begin = (what: string): "works" | "refused" | "done" => {
    log.push(what);
    if (order?.how === "killed" && log.length >= order.at) throw new Killed(`before ${what}`);
    return order !== undefined && order.how !== "killed" && log.length === order.at
      ? order.how
      : "works";
  };
  return {
    log,
    begin,
    change: (what, action) => {
      const fate = begin(what);
      if (fate === "refused") throw new Error(`EIO: ${what} (ordered)`);
      const result = action();
      if (fate === "done") throw new Error(`EIO: ${what} (ordered, though done)`);
      return result;
    },
  };
}
