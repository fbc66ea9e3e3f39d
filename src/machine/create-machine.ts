/**
 * From a tree to a running machine: takes its ids, plans it, writes its state, starts it. What a
 * failure or a cancel leaves half made is removed before this throws.
 */
import type { Host } from "../host/host.ts";
import { takeNetwork } from "../network/connect-machine.ts";
import type { NetworkPlan } from "../network/network-plan.ts";
import type { NetworkRequest } from "../network/network-request.ts";
import type { ClonePlan, InPlace, Storage } from "../storage/storage.ts";
import type { MachineName } from "../text/names.ts";
import { takeIdRange } from "./id-range.ts";
import {
  cloneDirectory,
  clonesDirectory,
  MACHINES_DIRECTORY,
  machinePaths,
} from "./machine-paths.ts";
import { type MachinePlan, planMachine } from "./machine-plan.ts";
import type { MachineSettings } from "./machine-settings.ts";
import { writeMachineState } from "./machine-state.ts";
import { destroyMachine } from "./release.ts";
import { startMachine } from "./start-machine.ts";

export interface MachineRequest {
  readonly name: MachineName;
  readonly rootDirectory: string;
  readonly storage: Storage;
  /** The image's name, for lists. */
  readonly image: string;
  readonly source: {
    readonly tree: string;
    /** Device and inode of the tree. */
    readonly identity: string;
  };
  /** `clone`: thrown away with the machine. `tree`: the machine changes the tree itself. */
  readonly root: "clone" | "tree";
  /** Boot the systemd of the tree, or run only the agent. */
  readonly boots: boolean;
  readonly settings: MachineSettings;
  readonly network: NetworkRequest;
  readonly jobId: string;
  readonly bootTimeoutSeconds: number;
  readonly jobTimeoutSeconds: number | undefined;
  /** Size limit of what a machine on storage `tmpfs` writes. */
  readonly memoryBytes: number;
  readonly gitlabRunner: string | undefined;
  readonly boundTo: string | undefined;
}

/** Resolves when the machine's agent takes requests. Throws a system error with the reason. */
export async function createMachine(host: Host, request: MachineRequest): Promise<MachinePlan> {
  const { name, rootDirectory, storage } = request;
  host.files.ensureDirectory(clonesDirectory(rootDirectory), 0o700);
  host.files.ensureDirectory(MACHINES_DIRECTORY, 0o700);
  host.files.createDirectory(machinePaths(name).runtime, 0o700);
  // Ours until the machine runs; from then on it is the unit's, cleanup's and gc's.
  await using undo = new AsyncDisposableStack();
  undo.defer(() => destroyMachine(host, name));
  // First: it may refuse, and release finds its addresses without the machine's state.
  const network = takeNetwork(host, name, request.network);
  const idShift = takeIdRange(host, name);
  const plan = planFromTree(host, request, { idShift, network });
  writeMachineState(host, name, {
    rootDirectory,
    storage: storage.kind,
    image: request.image,
    source: request.source.identity,
    unit: plan.unit,
    slice: plan.slice,
    idShift,
    uid: request.settings.user?.uid ?? 0,
    jobId: request.jobId,
  });
  const { image, bootTimeoutSeconds } = request;
  await startMachine(host, plan, { storage, image, bootTimeoutSeconds });
  undo.move();
  return plan;
}

/** The machine that `createMachine` would start with these. Changes nothing. */
export function planFromTree(
  host: Pick<Host, "driver">,
  request: MachineRequest,
  taken: { readonly idShift: number; readonly network: NetworkPlan },
): MachinePlan {
  return planMachine({ ...request, ...taken, clone: planRoot(request), driver: host.driver });
}

function planRoot(request: MachineRequest): ClonePlan | InPlace {
  const { storage, source, memoryBytes } = request;
  if (request.root === "tree") return { kind: "in-place", tree: source.tree };
  return storage.planClone({
    source: source.tree,
    directory: cloneDirectory(request.rootDirectory, request.name),
    memoryBytes,
  });
}
