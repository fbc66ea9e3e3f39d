/** What `prepare` leaves for the later stages: one small JSON file a machine. */
import * as v from "valibot";
import type { Host } from "../host/host.ts";
import { RunnerError } from "../text/errors.ts";
import type { MachineName } from "../text/names.ts";
import { machinePaths } from "./machine-paths.ts";

const stateSchema = v.object({
  rootDirectory: v.string(),
  storage: v.picklist(["btrfs", "reflink", "overlay", "tmpfs"]),
  image: v.string(),
  /** Device and inode of the tree that was cloned: what `chroot-list` and removal ask for. */
  source: v.string(),
  unit: v.string(),
  slice: v.string(),
  idShift: v.number(),
  /** Who runs the scripts, by its id inside. */
  uid: v.number(),
  jobId: v.string(),
});

export type MachineState = v.InferOutput<typeof stateSchema>;

export function writeMachineState(
  host: Pick<Host, "files">,
  name: MachineName,
  state: MachineState,
): void {
  host.files.writeText(machinePaths(name).state, `${JSON.stringify(state)}\n`, 0o600);
}

/** Nothing where there is no such machine. Throws when the file is not ours. */
export function readMachineState(
  host: Pick<Host, "files">,
  name: MachineName,
): MachineState | undefined {
  const path = machinePaths(name).state;
  if (host.files.probe(path) === undefined) return undefined;
  try {
    return v.parse(stateSchema, JSON.parse(host.files.readText(path)));
  } catch (cause) {
    throw new RunnerError({
      kind: "system",
      message: `Cannot understand the state of machine "${name}" in "${path}".`,
      hints: [`Remove what is left of it with "nspawn-runner cleanup --id ${name}".`],
      cause,
    });
  }
}

const endSchema = v.object({ result: v.string(), code: v.string(), status: v.string() });

/** How systemd says the unit ended: systemd.exec(5), `$SERVICE_RESULT` and its kin. */
export type MachineEnd = v.InferOutput<typeof endSchema>;

export function readMachineEnd(
  host: Pick<Host, "files">,
  name: MachineName,
): MachineEnd | undefined {
  const path = machinePaths(name).end;
  if (host.files.probe(path) === undefined) return undefined;
  const parsed = v.safeParse(endSchema, JSON.parse(host.files.readText(path)));
  return parsed.success ? parsed.output : undefined;
}
