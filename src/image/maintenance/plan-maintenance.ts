/** What maintenance does with one image, and why. Pure. */
import { explainDue, needsNewTree } from "../build/inputs.ts";
import type { Definition } from "../definition/definition.ts";
import type { BuildInputs } from "../generations/manifest.ts";

export type MaintenancePlan =
  | { readonly kind: "skip"; readonly reason: string }
  /** A new root file system. */
  | { readonly kind: "create"; readonly reason: string }
  /** The playbook over a clone of what is there. */
  | { readonly kind: "update"; readonly reason: string; readonly base: string };

export interface ImageFacts {
  readonly definition: Pick<Definition, "recreate">;
  /** What jobs get today; nothing when there is no image. */
  readonly current:
    | {
        readonly tree: string;
        readonly pinned: boolean;
        /** What it was made from; nothing for a tree that came by hand. */
        readonly inputs: BuildInputs | undefined;
      }
    | undefined;
  readonly inputs: BuildInputs;
  readonly wish: MaintenanceWish;
}

/** `missing`: only images that are not there. `due`: also those that changed. `all`: whatever is. */
export type MaintenanceWish = "missing" | "due" | "all";

export function planMaintenance(facts: ImageFacts): MaintenancePlan {
  const { current, inputs, wish } = facts;
  if (current === undefined) return { kind: "create", reason: "it does not exist yet" };
  if (wish === "missing") return { kind: "skip", reason: "it exists" };
  if (current.pinned) return { kind: "skip", reason: "its current generation is pinned" };
  const due = explainDue(current.inputs, inputs);
  const reason = due ?? (wish === "all" ? "it was asked for" : undefined);
  if (reason === undefined) return { kind: "skip", reason: "it is up to date" };
  return facts.definition.recreate || needsNewTree(current.inputs, inputs)
    ? { kind: "create", reason }
    : { kind: "update", reason, base: current.tree };
}
