/** The `prepare` stage: from the job's request to a machine that takes scripts. */
import type { Config } from "../config/config.ts";
import type { Host } from "../host/host.ts";
import { findImage, hasSystemd, type Image } from "../image/find-image.ts";
import { imageLock } from "../image/image-lock.ts";
import { ensureOwnTree } from "../image/own-tree.ts";
import { findIdRange, takeIdRange } from "../machine/id-range.ts";
import { collectGarbage } from "../machine/machine-list.ts";
import { cloneDirectory, clonesDirectory, machinePaths } from "../machine/machine-paths.ts";
import { type MachinePlan, planMachine } from "../machine/machine-plan.ts";
import { writeMachineState } from "../machine/machine-state.ts";
import { destroyMachine } from "../machine/release.ts";
import { startMachine } from "../machine/start-machine.ts";
import { chooseStorage } from "../storage/detect.ts";
import type { Storage, StorageKind } from "../storage/storage.ts";
import { RunnerError } from "../text/errors.ts";
import type { MachineName } from "../text/names.ts";
import {
  findGitlabRunner,
  findOwnUnit,
  requireRootDirectory,
  requireUsableHost,
} from "./host-facts.ts";

export interface PrepareRequest {
  readonly name: MachineName;
  /** What the job asks for; nothing where it names none. */
  readonly image: string | undefined;
  readonly defaultImage: string | undefined;
  readonly jobId: string;
  readonly timeoutSeconds: number | undefined;
}

/**
 * Clones, boots and waits until the machine is ready. First removes what an earlier try left; what
 * fails or is cancelled leaves nothing behind.
 */
export async function prepareJob(
  host: Host,
  config: Config,
  request: PrepareRequest,
): Promise<void> {
  const startedAt = host.clock.nowMs();
  await requireUsableHost(host);
  requireRootDirectory(host, config.rootDirectory);
  if (host.files.probe(machinePaths(request.name).runtime) !== undefined) {
    await destroyMachine(host, request.name);
  }
  const image = findImage(host, config.rootDirectory, chooseImage(request, config));
  const storage = await chooseStorage(host, {
    directory: config.rootDirectory,
    kind: config.storage,
  });
  host.files.ensureDirectory(clonesDirectory(config.rootDirectory), 0o700);
  await collectGarbage(host, { rootDirectory: config.rootDirectory, storage: storage.kind });
  await ensureOwnTree(host, { rootDirectory: config.rootDirectory, storage }, image);
  const plan = await startFromImage(host, config, { request, image, storage });
  const seconds = ((host.clock.nowMs() - startedAt) / 1000).toFixed(2);
  const what = plan.boots ? "booted" : "started";
  host.log.info(`Machine of image "${image.name}" (${storage.kind}) ${what} in ${seconds} s.`);
}

/** The image of the job, else of the command line, else of the configuration. */
export function chooseImage(
  request: Pick<PrepareRequest, "image" | "defaultImage">,
  config: Pick<Config, "defaultImage" | "path">,
): string {
  const image = request.image ?? request.defaultImage ?? config.defaultImage;
  if (image !== undefined) return image;
  throw new RunnerError({
    kind: "job",
    message: "The job names no image, and there is no default one.",
    hints: [
      'Add "image: NAME" to the job.',
      `Or, on the host, set default_image in "${config.path}", or --default-image in prepare_args.`,
    ],
  });
}

/** The machine that `prepareJob` would start, if nobody takes its ids first. Changes nothing. */
export async function planJob(
  host: Host,
  config: Config,
  request: PrepareRequest,
): Promise<JobPlan> {
  await requireUsableHost(host);
  requireRootDirectory(host, config.rootDirectory);
  const image = findImage(host, config.rootDirectory, chooseImage(request, config));
  const storage = await chooseStorage(host, {
    directory: config.rootDirectory,
    kind: config.storage,
  });
  const parts = { request, image, storage, idShift: findIdRange(host) };
  return { image: image.name, storage: storage.kind, machine: planFromImage(host, config, parts) };
}

export interface JobPlan {
  readonly image: string;
  readonly storage: StorageKind;
  readonly machine: MachinePlan;
}

function planFromImage(
  host: Host,
  config: Config,
  parts: { request: PrepareRequest; image: Image; storage: Storage; idShift: number },
): MachinePlan {
  const { request, image, storage, idShift } = parts;
  return planMachine({
    name: request.name,
    clone: storage.planClone({
      source: image.tree,
      directory: cloneDirectory(config.rootDirectory, request.name),
      memoryBytes: config.tmpfsBytes,
    }),
    boots: hasSystemd(host, image.tree),
    idShift,
    driver: host.driver,
    bootTimeoutSeconds: config.bootTimeoutSeconds,
    jobTimeoutSeconds: request.timeoutSeconds,
    gitlabRunner: findGitlabRunner(host, config.gitlabRunner),
    boundTo: findOwnUnit(host),
    nspawnPath: "/usr/bin/systemd-nspawn",
  });
}

async function startFromImage(
  host: Host,
  config: Config,
  parts: { request: PrepareRequest; image: Image; storage: Storage },
): Promise<MachinePlan> {
  const { request, storage } = parts;
  const runtime = machinePaths(request.name).runtime;
  host.files.ensureDirectory(runtime.slice(0, runtime.lastIndexOf("/")), 0o700);
  host.files.createDirectory(runtime, 0o700);
  // Ours until the machine runs; from then on it is the unit's, cleanup's and gc's.
  await using undo = new AsyncDisposableStack();
  undo.defer(() => destroyMachine(host, request.name));
  // Nobody exchanges the image's tree between our look at it and our clone of it.
  using _lock = imageLock(host, config.rootDirectory, parts.image.name, "shared");
  const image = findImage(host, config.rootDirectory, parts.image.name);
  const idShift = takeIdRange(host, request.name);
  const plan = planFromImage(host, config, { request, image, storage, idShift });
  writeMachineState(host, request.name, {
    rootDirectory: config.rootDirectory,
    storage: storage.kind,
    image: image.name,
    source: image.identity,
    unit: plan.unit,
    slice: plan.slice,
    idShift,
    jobId: request.jobId,
  });
  await startMachine(host, plan, { storage, bootTimeoutSeconds: config.bootTimeoutSeconds });
  undo.move();
  return plan;
}
