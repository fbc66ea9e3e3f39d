/** Brings declared images up to date: one task each, which can run side by side. */
import type { Host } from "../../host/host.ts";
import { RunnerError } from "../../text/errors.ts";
import { type ImageName, parseImageName } from "../../text/names.ts";
import { NO_WORDS, type PlaybookWords } from "../ansible/playbook-words.ts";
import { type BuildLimits, type BuildObserver, buildImage } from "../build/build-image.ts";
import { gatherInputs, withWords } from "../build/inputs.ts";
import { awaitChangeLock, requireChangeLock } from "../change-lock.ts";
import { creatorOf } from "../creators/creators.ts";
import type { Definition } from "../definition/definition.ts";
import type { ImageStore } from "../draft.ts";
import { type Image, probeImage, resolveAlias } from "../find-image.ts";
import { listGenerations } from "../generations/generations.ts";
import { type BuildInputs, type Manifest, requireManifest } from "../generations/manifest.ts";
import { ensureTreeId, readTreeId } from "../tree-id.ts";
import { orderByParent } from "./order.ts";
import {
  type ImageFacts,
  type MaintenancePlan,
  type MaintenanceWish,
  planMaintenance,
} from "./plan-maintenance.ts";

export interface MaintenanceTask {
  readonly name: ImageName;
  /** Looks, and says what `run` would do once the tasks before it have run. Throws as `run` does. */
  plan(): MaintenancePlan;
  /**
   * Resolves to what was done; throws what failed. Waits for the task of its parent, which is
   * always earlier in the list.
   */
  run(observer: BuildObserver): Promise<TaskResult>;
}

export type WhenLocked = "refuse" | "wait";

export type TaskResult =
  | { readonly kind: "built"; readonly reason: string; readonly manifest: Manifest }
  | { readonly kind: "skipped"; readonly reason: string };

/** In the order in which they must begin. Throws when images extend each other in a circle. */
export function openMaintenance(
  host: Host,
  store: ImageStore,
  request: {
    readonly definitions: readonly Definition[];
    readonly wish: MaintenanceWish;
    readonly limits: BuildLimits;
    /** For each playbook. */
    readonly words?: PlaybookWords;
    /** What to do about an image that another command is changing. */
    readonly whenLocked: WhenLocked;
  },
): readonly MaintenanceTask[] {
  const { wish, limits, whenLocked, words = NO_WORDS } = request;
  const ended = new Map<string, PromiseWithResolvers<void>>();
  const nodes = request.definitions.map((definition) => ({
    name: definition.name,
    parent: parentOf(host, store.rootDirectory, definition),
    definition,
  }));
  for (const { name } of nodes) ended.set(name, Promise.withResolvers());
  const changing = new Set<string>();
  return orderByParent(nodes).map(({ name, parent, definition }) => ({
    name,
    plan: () => {
      // What it extends is about to be another one, of which no version is known yet.
      const next = parent !== undefined && changing.has(parent) ? `${parent}/next` : undefined;
      const { plan } = planOne(host, store, { definition, wish }, next);
      if (plan.kind !== "skip") changing.add(name);
      return plan;
    },
    run: async (observer) => {
      try {
        if (parent !== undefined) await ended.get(parent)?.promise;
        return await maintainOne(host, store, {
          definition,
          wish,
          words,
          limits,
          observer,
          whenLocked,
        });
      } finally {
        ended.get(name)?.resolve();
      }
    },
  }));
}

/** The image that it extends, by the name that it has on the disk; nothing for most. */
export function parentOf(
  host: Pick<Host, "files">,
  rootDirectory: string,
  definition: Definition,
): string | undefined {
  const parent = creatorOf(definition.create).parent(definition.create.options);
  return parent && resolveAlias(host, rootDirectory, parent);
}

async function maintainOne(
  host: Host,
  store: ImageStore,
  work: {
    readonly definition: Definition;
    readonly wish: MaintenanceWish;
    readonly words: PlaybookWords;
    readonly limits: BuildLimits;
    readonly observer: BuildObserver;
    readonly whenLocked: WhenLocked;
  },
): Promise<TaskResult> {
  const { definition, limits, observer } = work;
  await nameParent(host, store, definition);
  // Most have nothing to do; they need no lock for that.
  const before = planOne(host, store, work).plan;
  if (before.kind === "skip") return { kind: "skipped", reason: before.reason };
  using _lock =
    work.whenLocked === "refuse"
      ? requireChangeLock(host, store.rootDirectory, definition.name)
      : await awaitChangeLock(host, store.rootDirectory, definition.name, (by) =>
          observer.phase(`Waiting for ${by}`),
        );
  const { plan, inputs } = planOne(host, store, work);
  if (plan.kind === "skip") return { kind: "skipped", reason: plan.reason };
  const base = plan.kind === "update" ? plan.base : undefined;
  const manifest = await buildImage(host, store, {
    definition,
    inputs: withWords(inputs, work.words),
    base,
    limits,
    observer,
    words: work.words.words,
  });
  return { kind: "built", reason: plan.reason, manifest };
}

function planOne(
  host: Host,
  store: ImageStore,
  work: { readonly definition: Definition; readonly wish: MaintenanceWish },
  parent = parentVersion(host, store, work.definition),
): { readonly plan: MaintenancePlan; readonly inputs: BuildInputs } {
  const { definition, wish } = work;
  const inputs = gatherInputs(host, definition, parent);
  const current = currentFacts(host, store, definition.name);
  return { plan: planMaintenance({ definition, current, inputs, wish }), inputs };
}

function currentFacts(host: Host, store: ImageStore, name: ImageName): ImageFacts["current"] {
  const image = probeImage(host, store.rootDirectory, name);
  if (image === undefined) return undefined;
  const generation = listGenerations(host, store.rootDirectory, name).find((one) => one.current);
  return {
    tree: image.tree,
    pinned: generation?.pinned ?? false,
    inputs: requireManifest(host, image.tree)?.inputs,
  };
}

/** A directory that came by hand has a name from when something is first made from it. */
async function nameParent(host: Host, store: ImageStore, definition: Definition): Promise<void> {
  const { rootDirectory } = store;
  const parent = parentOf(host, rootDirectory, definition);
  if (parent === undefined) return;
  const image = probeImage(host, rootDirectory, parseImageName(parent));
  if (image?.kind === "plain") await ensureTreeId(host, { rootDirectory, tree: image.tree });
}

/** Nothing was made from one that has no name yet. */
const idOf = (host: Host, { rootDirectory }: ImageStore, { tree }: Image): string =>
  readTreeId(host, { rootDirectory, tree }) ?? "new";

/** `NAME/VERSION` of the generation that a derived image is made from. */
function parentVersion(host: Host, store: ImageStore, definition: Definition): string {
  const parent = parentOf(host, store.rootDirectory, definition);
  if (parent === undefined) return "";
  const image = probeImage(host, store.rootDirectory, parseImageName(parent));
  if (image !== undefined) return `${image.name}/${image.version ?? idOf(host, store, image)}`;
  throw new RunnerError({
    kind: "system",
    message: `Image "${definition.name}" extends "${parent}", which is not there.`,
    hints: [`Declare it, or create it with "nspawn-runner chroot-create ${parent}".`],
  });
}
