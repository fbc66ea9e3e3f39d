/** The `prepare` stage: from the job's request to a machine that takes scripts. */
import type { Config } from "../config/config.ts";
import type { Host } from "../host/host.ts";
import { probeImage } from "../image/find-image.ts";
import { closeRootDirectory } from "../image/root-directory.ts";
import { ensureTreeId } from "../image/tree-id.ts";
import { treeLock } from "../image/tree-lock.ts";
import { destroyWhole } from "../machine/collect-garbage.ts";
import { createMachine } from "../machine/create-machine.ts";
import { probeInotify } from "../machine/inotify.ts";
import { cloneDirectory, machinePaths } from "../machine/machine-paths.ts";
import type { MachinePlan } from "../machine/machine-plan.ts";
import { holdPreparing, requireNotPreparing } from "../machine/preparing.ts";
import { RunnerError } from "../text/errors.ts";
import { type ImageName, isImageName, type MachineName } from "../text/names.ts";
import { chooseImage, gatherJob, type JobFacts, type PrepareRequest } from "./gather-job.ts";
import { requireUsableHost } from "./host-facts.ts";
import { featureWarnings } from "./job-features.ts";
import { meetNeed } from "./meet-need.ts";
import { type Need, planNeeds, planRequest } from "./plan-job.ts";

/**
 * Clones, boots and waits until the machine is ready. First removes what an earlier try left; what
 * fails or is cancelled leaves nothing behind.
 */
export async function prepareJob(
  host: Host,
  config: Config,
  request: PrepareRequest,
): Promise<void> {
  const startedAt = host.clock.elapsedMs();
  await requireUsableHost(host);
  requireNotPreparing(host, request.name);
  closeRootDirectory(host, config.rootDirectory);
  await removeEarlier(host, config.rootDirectory, request.name);
  using kept = new DisposableStack();
  const met = new Set<Need["kind"]>();
  while (true) {
    const locked = findLocked(host, config, request);
    using lock = await lockImage(host, config, locked);
    const facts = await gatherJob(host, config, request);
    // It came, or its name led elsewhere, before we had the lock.
    if (facts.image?.image.name !== locked) continue;
    const needs = planNeeds(facts).filter((need) => !met.has(need.kind));
    if (needs.length === 0) {
      // What was made for the machine is held for as long as its image's tree.
      lock.use(kept.move());
      const plan = await startMachine(host, facts, lock);
      return tell(host, { facts, plan, startedAt });
    }
    // What is made first takes the lock itself, or takes long.
    lock[Symbol.dispose]();
    for (const need of needs) {
      kept.use(await meetNeed(host, config, facts.store, need));
      met.add(need.kind);
    }
  }
}

/** Of that name: what an earlier try has left, or a host that was reset, whose clones are still there. */
async function removeEarlier(host: Host, rootDirectory: string, name: MachineName): Promise<void> {
  const places = [machinePaths(name).runtime, cloneDirectory(rootDirectory, name)];
  if (places.every((place) => host.files.probe(place) === undefined)) return;
  // Not what another process is preparing at this moment.
  using _preparing = await holdPreparing(host, name);
  await destroyWhole(host, rootDirectory, name);
}

/** The image by the name that it has on the disk: the job may have used another one for it. */
function findLocked(host: Host, config: Config, request: PrepareRequest): ImageName | undefined {
  const text = chooseImage(request, config);
  return isImageName(text) ? probeImage(host, config.rootDirectory, text)?.name : undefined;
}

/** Nobody exchanges the image's tree between our look at it and our clone of it. */
async function lockImage(
  host: Host,
  config: Config,
  name: ImageName | undefined,
): Promise<DisposableStack> {
  const lock = new DisposableStack();
  if (name !== undefined) lock.use(await treeLock(host, config.rootDirectory, name, "shared"));
  return lock;
}

async function startMachine(
  host: Host,
  facts: JobFacts,
  untilCloned: Disposable,
): Promise<MachinePlan> {
  const machine = planRequest(facts);
  if (machine !== undefined) {
    const { rootDirectory, source: tree } = machine;
    // Before it starts: a machine that does not come up may have too little of something.
    for (const line of facts.grant.lines) host.log.info(line);
    const id = await ensureTreeId(host, { rootDirectory, tree });
    return createMachine(host, machine, { id, untilCloned });
  }
  throw new RunnerError({
    kind: "system",
    message: `Image "${facts.imageName}" was changed while the job was prepared.`,
    hints: ["Try again."],
  });
}

function tell(
  host: Host,
  end: { readonly facts: JobFacts; readonly plan: MachinePlan; readonly startedAt: number },
): void {
  const { facts, plan, startedAt } = end;
  const seconds = ((host.clock.elapsedMs() - startedAt) / 1000).toFixed(2);
  const what = plan.facts.payload.kind === "system" ? "booted" : "started";
  const name = facts.image?.image.name ?? facts.imageName;
  const inotify = probeInotify(host);
  if (inotify !== undefined) host.log.warn(inotify);
  const { features } = facts.request;
  if (features !== undefined) {
    for (const warning of featureWarnings(features, facts.gitlabRunner)) host.log.warn(warning);
  }
  host.log.info(
    `Machine of image "${name}" (${facts.store.storage.kind}) ${what} in ${seconds} s.`,
  );
}
