/** What `prepare` leaves for the later stages: one small JSON file a machine, and how it ended. */
import * as v from "valibot";
import type { Host } from "../host/host.ts";
import {
  formatRecord,
  type RecordHost,
  type RecordKind,
  type RecordRead,
  readRecord,
} from "../record/record.ts";
import { isTreeId, type MachineName, type TreeId } from "../text/names.ts";
import { machinePaths } from "./machine-paths.ts";
import { ownerSchema } from "./owner.ts";

/** How this release and the agent in a machine talk. Another number, another agent. */
export const AGENT_PROTOCOL = 2;

const entries = {
  rootDirectory: v.string(),
  storage: v.picklist(["btrfs", "reflink", "overlay", "tmpfs"]),
  image: v.string(),
  unit: v.string(),
  slice: v.string(),
  idShift: v.number(),
  /** Who runs the scripts, by its id inside. */
  uid: v.number(),
  jobId: v.string(),
  /** Nothing for a machine that a person has prepared: it is nobody's but theirs. */
  owner: v.optional(ownerSchema),
};
const stateSchema = v.object({
  ...entries,
  /**
   * The tree that was cloned: what `chroot-list` and removal ask for. Nothing is known of it where
   * release 0.1.0 has written the state, by the tree's device and inode.
   */
  source: v.optional(v.custom<TreeId>(isTreeId)),
  /** What the machine's agent speaks (`AGENT_PROTOCOL`); nothing where release 0.1.0 started it. */
  agent: v.optional(v.number()),
  /** What the machine may write into its clone; no limit when absent. */
  diskBytes: v.optional(v.number()),
});

export type MachineState = v.InferOutput<typeof stateSchema>;

export const MACHINE_STATE: RecordKind<MachineState> = {
  what: "the state of a machine",
  format: 2,
  schemas: { 1: v.object(entries), 2: stateSchema },
};

export function writeMachineState(
  host: Pick<Host, "files">,
  name: MachineName,
  state: MachineState,
): void {
  host.files.writeText(machinePaths(name).state, formatRecord(MACHINE_STATE, state), 0o600);
}

/** Absent where there is no such machine, or where it is still being prepared. */
export function readMachineState(host: RecordHost, name: MachineName): RecordRead<MachineState> {
  return readRecord(host, machinePaths(name).state, MACHINE_STATE);
}

const endSchema = v.object({
  result: v.string(),
  code: v.string(),
  status: v.string(),
  /** Which of its limits it was ended by, as a sentence for the job's author. */
  limit: v.optional(v.string()),
});

/** How systemd says the unit ended: systemd.exec(5), `$SERVICE_RESULT` and its kin. */
export type MachineEnd = v.InferOutput<typeof endSchema>;

export const MACHINE_END: RecordKind<MachineEnd> = {
  what: "the end of a machine",
  format: 1,
  schemas: { 1: endSchema },
};

/** Larger than any end is. */
const END_BYTES = 1024;

/** Puts a file there that the end will be written into, once /run may be full. */
export function makeRoomForMachineEnd(host: Pick<Host, "files">, name: MachineName): void {
  host.files.writeText(machinePaths(name).endRoom, " ".repeat(END_BYTES), 0o600);
}

/** Needs no space, the first time. Nothing is written when the machine's directory has gone. */
export function writeMachineEnd(
  host: Pick<Host, "files">,
  name: MachineName,
  value: MachineEnd,
): void {
  const { runtime, end, endRoom } = machinePaths(name);
  const text = formatRecord(MACHINE_END, value);
  if (host.files.overwrite(endRoom, text)) host.files.rename(endRoom, end);
  else if (host.files.probe(runtime) !== undefined) host.files.writeText(end, text, 0o600);
}

export function readMachineEnd(host: RecordHost, name: MachineName): RecordRead<MachineEnd> {
  return readRecord(host, machinePaths(name).end, MACHINE_END);
}
