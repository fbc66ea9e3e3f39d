/**
 * From a tree to a running machine: claims its ids, plans it, writes its state, lays it out, starts
 * it. What a failure or a cancel leaves half made is removed before this throws.
 */
import type { Host } from "../host/host.ts";
import { WAITS } from "../host/waits.ts";
import { CLAIMS_LOCK } from "../network/claims-lock.ts";
import { findNetwork, takeNetwork } from "../network/connect-machine.ts";
import type { NetworkPlan } from "../network/network-plan.ts";
import type { NetworkRequest } from "../network/network-request.ts";
import type { ClonePlan, CloneStorage, InPlace } from "../storage/storage.ts";
import { ensureTrash } from "../storage/trash.ts";
import { RunnerError } from "../text/errors.ts";
import type { MachineName, TreeId } from "../text/names.ts";
import { attendSession } from "./attend-session.ts";
import { ensureBackstop } from "./backstop.ts";
import { type Checked, checkTree } from "./checked-tree.ts";
import { ensureDiskWatch } from "./disk-watch.ts";
import { findIdRange, takeIdRange } from "./id-range.ts";
import { layOut } from "./lay-out.ts";
import { NESTING_DEVICES } from "./loosening.ts";
import {
  cloneDirectory,
  clonesDirectory,
  MACHINES_DIRECTORY,
  machinePaths,
} from "./machine-paths.ts";
import { type MachinePlan, type MachineWish, planMachine } from "./machine-plan.ts";
import {
  AGENT_PROTOCOL,
  makeRoomForMachineEnd,
  readMachineState,
  writeMachineState,
} from "./machine-state.ts";
import { type Owner, ownerIsGone } from "./owner.ts";
import { ensureOwnerWatch } from "./owner-watch.ts";
import type { Session } from "./payload.ts";
import { holdPreparing } from "./preparing.ts";
import { destroyMachine } from "./release.ts";
import { startMachine } from "./start-machine.ts";

export interface MachineRequest extends MachineWish {
  readonly rootDirectory: string;
  readonly storage: CloneStorage;
  /** The image's name, for lists. */
  readonly image: string;
  readonly source: string;
  /** `clone`: thrown away with the machine. `tree`: the machine changes the tree itself. */
  readonly root: "clone" | "tree";
  readonly network: NetworkRequest;
  readonly jobId: string;
  /** The machine ends with it; nobody when absent. */
  readonly owner: Owner | undefined;
  /** Size limit of what a machine on storage `tmpfs` writes. */
  readonly memoryBytes: number;
}

export interface MachineSource {
  readonly id: TreeId;
  /**
   * What keeps the tree in its place: disposed of as soon as the machine's state says what it was
   * cloned from and the clone is made, before the machine starts.
   */
  readonly untilCloned?: Disposable;
}

/** Resolves when the machine's agent takes requests. Throws a system error with the reason. */
export async function createMachine(
  host: Host,
  request: MachineRequest,
  source: MachineSource,
): Promise<MachinePlan> {
  await ensureBackstop(host);
  if (request.owner !== undefined) await ensureOwnerWatch(host, request.owner);
  using _preparing = await holdPreparing(host, request.name);
  // Ours until the machine runs; from then on it is the unit's, cleanup's and gc's.
  await using undo = new AsyncDisposableStack();
  beginMachine(host, request, undo);
  const plan = await unlessCleanedUp(host, request.name, async () => {
    const made = await makeMachine(host, request, source);
    await startMachine(host, made);
    await ensureDiskWatch(host, request.rootDirectory);
    requireWanted(host, request);
    return made;
  });
  undo.move();
  return plan;
}

/**
 * Lets a person work in a machine, to the end of their shell or command, whose exit code it is. It is
 * removed then.
 */
export async function attendMachine(
  host: Host,
  request: MachineRequest & { readonly payload: Session },
  source: MachineSource,
): Promise<{ readonly exitCode: number; readonly plan: MachinePlan }> {
  await ensureBackstop(host);
  if (request.owner !== undefined) await ensureOwnerWatch(host, request.owner);
  // To its end: it is ours for as long as we live.
  using _preparing = await holdPreparing(host, request.name);
  await using undo = new AsyncDisposableStack();
  beginMachine(host, request, undo);
  // Awaited here: what undoes it comes behind.
  return await unlessCleanedUp(host, request.name, async () => {
    const plan = await makeMachine(host, request, source);
    await ensureDiskWatch(host, request.rootDirectory);
    return { exitCode: await attendSession(host, plan), plan };
  });
}

const LOOK_MS = 20;

/** What is taken away under us fails somewhere, which is not the reason: the cleanup is. */
async function unlessCleanedUp<Result>(
  host: Host,
  name: MachineName,
  act: () => Promise<Result>,
): Promise<Result> {
  const isThere = (): boolean => host.files.probe(machinePaths(name).runtime) !== undefined;
  try {
    return await act();
  } catch (error) {
    // What would be a fault of ours may be a cleanup that is not through yet.
    const looks = error instanceof RunnerError ? 0 : WAITS.cleanup.ms / LOOK_MS;
    for (let look = 0; isThere() && look < looks; look += 1) await host.clock.sleep(LOOK_MS);
    throw isThere() ? error : notWanted(name, CLEANED_UP);
  }
}

/** The caller holds its name. What undoes all that is made of it from then on is pushed onto `undo`. */
function beginMachine(host: Host, request: MachineRequest, undo: AsyncDisposableStack): void {
  const { name, rootDirectory } = request;
  const { runtime } = machinePaths(name);
  if (host.files.probe(runtime) !== undefined) {
    // Of one that was prepared since our caller has removed what an earlier try had left.
    throw new RunnerError({
      kind: "system",
      message: `There is a machine "${name}" already.`,
      hints: [
        `Remove it with "nspawn-runner cleanup --id ${name}", or give this one another name.`,
      ],
    });
  }
  host.files.ensureDirectory(clonesDirectory(rootDirectory), 0o700);
  ensureTrash(host, rootDirectory);
  host.files.ensureDirectory(MACHINES_DIRECTORY, 0o700);
  host.files.createDirectory(runtime, 0o700);
  undo.defer(() => destroyMachine(host, name));
}

/** All but its start. */
async function makeMachine(
  host: Host,
  request: MachineRequest,
  source: MachineSource,
): Promise<Checked<MachinePlan>> {
  const { name, rootDirectory, storage } = request;
  makeRoomForEnd(host, name, rootDirectory);
  // The network first: it may refuse.
  const network = takeNetwork(host, name, request.network);
  const plan = planFrom(host, request, {
    network,
    idShift: takeIdRange(host, name, request.loosening),
  });
  writeMachineState(host, name, {
    rootDirectory,
    storage: storage.kind,
    image: request.image,
    source: source.id,
    unit: plan.unit,
    slice: plan.slice,
    idShift: plan.facts.idShift,
    uid: request.settings.user?.uid ?? 0,
    agent: AGENT_PROTOCOL,
    jobId: request.jobId,
    owner: request.owner,
    diskBytes: request.root === "clone" ? request.settings.limits.diskBytes : undefined,
  });
  // Its watcher may have ended machines before it could see that this one is the owner's.
  requireWanted(host, request);
  await layOut(host, plan, storage);
  source.untilCloned?.[Symbol.dispose]();
  return checkTree(host, plan, request.image);
}

/** What the machine's end needs: a full /run must not keep it from being released. */
function makeRoomForEnd(host: Host, name: MachineName, rootDirectory: string): void {
  const { root, lock } = machinePaths(name);
  host.files.link(rootDirectory, root);
  host.files.writeText(lock, "", 0o600);
  if (host.files.probe(CLAIMS_LOCK) === undefined) host.files.append(CLAIMS_LOCK, "");
  makeRoomForMachineEnd(host, name);
}

/**
 * While it came up, nobody may have been there any more to want it: its owner ended, and whoever then
 * ended machines did not know of this one yet; or it was cleaned up, while we were held up.
 */
function requireWanted(host: Host, { name, owner }: MachineRequest): void {
  const why = ownerIsGone(host, owner)
    ? `process ${owner?.pid}, whose it was to be, is gone`
    : readMachineState(host, name).kind === "absent"
      ? CLEANED_UP
      : undefined;
  if (why !== undefined) throw notWanted(name, why);
}

const CLEANED_UP = "it was cleaned up meanwhile";

function notWanted(name: MachineName, why: string): RunnerError {
  return new RunnerError({
    kind: "system",
    message: `Machine "${name}" is not wanted any more: ${why}.`,
  });
}

/** The machine that `createMachine` would start, if nobody claims its ids first. Changes nothing. */
export function previewMachine(host: Host, request: MachineRequest): MachinePlan {
  const network = findNetwork(host, request.network);
  return planFrom(host, request, { network, idShift: findIdRange(host, request.loosening) });
}

function planFrom(
  host: Pick<Host, "architecture" | "driver" | "files">,
  request: MachineRequest,
  claimed: { readonly idShift: number; readonly network: NetworkPlan },
): MachinePlan {
  return planMachine({
    ...request,
    ...claimed,
    clone: planRoot(host, request),
    nestingDevices: NESTING_DEVICES.filter((path) => host.files.probe(path) !== undefined),
    driver: host.driver,
    architecture: host.architecture,
  });
}

/** Permissions of a root file system whose tree has vanished: it will not be cloned anyway. */
const USUAL_MODE = 0o755;

function planRoot(host: Pick<Host, "files">, request: MachineRequest): ClonePlan | InPlace {
  const { storage, source, memoryBytes } = request;
  if (request.root === "tree") return { kind: "in-place", tree: source };
  return storage.planClone({
    source,
    sourceMode: host.files.probe(source)?.mode ?? USUAL_MODE,
    directory: cloneDirectory(request.rootDirectory, request.name),
    memoryBytes,
    diskBytes: request.settings.limits.diskBytes,
  });
}
