/** The one undo of a machine: used by the unit itself, by `cleanup`, by failed starts and by `gc`. */
import type { Host } from "../host/host.ts";
import { STORAGES } from "../storage/detect.ts";
import type { MachineName } from "../text/names.ts";
import { releaseIdRanges } from "./id-range.ts";
import { cloneDirectory, machinePaths } from "./machine-paths.ts";
import { machineUnits } from "./machine-plan.ts";
import { type MachineState, readMachineState } from "./machine-state.ts";

/**
 * Deletes what a dead machine held: clone, ids, control directory. Idempotent; tolerates any
 * half-made state. How it ended stays, for a `run` that still asks.
 */
export async function releaseMachine(host: Host, name: MachineName): Promise<void> {
  const paths = machinePaths(name);
  const state = readStateAnyhow(host, name);
  if (state !== undefined) await removeClone(host, name, state);
  releaseIdRanges(host, name);
  // systemd 257 and later refuse a machine name again while a killed nspawn's mount is there.
  const left = `/run/systemd/nspawn/unix-export/${name}`;
  if (host.files.probe(left) !== undefined) {
    await host.processes.run(["umount", "--lazy", left]);
    host.files.remove(left);
  }
  host.files.remove(paths.launch);
}

/** A state that nobody can read must not keep its machine for ever: gc finds the clone by itself. */
function readStateAnyhow(host: Host, name: MachineName): MachineState | undefined {
  try {
    return readMachineState(host, name);
  } catch (error) {
    host.log.warn(`${error instanceof Error ? error.message : error}`);
    return undefined;
  }
}

async function removeClone(host: Host, name: MachineName, state: MachineState): Promise<void> {
  const directory = cloneDirectory(state.rootDirectory, name);
  if (host.files.probe(directory) === undefined) return;
  await STORAGES[state.storage].remove(host, directory);
}

/**
 * Stops a machine, alive, half started or dead, and removes every trace of it. Idempotent: a
 * machine that never was is fine.
 */
export async function destroyMachine(host: Host, name: MachineName): Promise<void> {
  // Stopping the slice ends the job, whatever it forked; the unit's own ExecStopPost releases.
  const { unit, slice } = machineUnits(name);
  const stopped = await host.processes.run(["systemctl", "stop", slice, unit]);
  if (stopped.exitCode !== 0) host.log.debug(`# ${stopped.stderr.trim()}`);
  await releaseMachine(host, name);
  host.files.remove(machinePaths(name).runtime);
}

/** Names of the units of machines that live, start or stop. */
export async function listLiveUnits(host: Pick<Host, "processes">): Promise<readonly string[]> {
  const listed = await host.processes.exec([
    "systemctl",
    "list-units",
    "--plain",
    "--no-legend",
    "--full",
    "--state=active,activating,deactivating,reloading",
    "nspawn-runner-*.service",
  ]);
  return listed
    .split("\n")
    .map((line) => line.split(" ", 1)[0] ?? "")
    .filter((unit) => unit.endsWith(".service"));
}
