/** The one undo of a machine: used by the unit itself, by `cleanup`, by failed starts and by `gc`. */
import type { Host } from "../host/host.ts";
import { releaseAddressPair } from "../network/address-pair.ts";
import { STORAGES } from "../storage/detect.ts";
import type { MachineName } from "../text/names.ts";
import { releaseIdRanges } from "./id-range.ts";
import { cloneDirectory, machinePaths } from "./machine-paths.ts";
import { machineUnits } from "./machine-plan.ts";
import { type MachineState, readMachineState } from "./machine-state.ts";

/**
 * Deletes what a dead machine held: clone, ids, addresses, control directory. Idempotent; tolerates any
 * half-made state. How it ended stays, for a `run` that still asks.
 */
export async function releaseMachine(host: Host, name: MachineName): Promise<void> {
  const paths = machinePaths(name);
  if (host.files.probe(paths.ready) !== undefined) tellGone(host, paths.ready);
  const state = readMachineState(host, name);
  if (state.kind === "read") await removeClone(host, name, state.value);
  else if (state.kind === "unreadable" || state.torn) {
    // That must not keep the machine for ever.
    host.log.warn(
      `Where the clone of machine "${name}" is cannot be read; "nspawn-runner gc" removes it later.`,
    );
  }
  releaseIdRanges(host, name);
  // Its interface and routes went with its network namespace.
  releaseAddressPair(host, name);
  // systemd 257 and later refuse a machine name again while a killed nspawn's mount is there.
  const left = `/run/systemd/nspawn/unix-export/${name}`;
  if (host.files.probe(left) !== undefined) {
    await host.processes.run(["umount", "--lazy", left]);
    host.files.remove(left);
  }
  host.files.remove(paths.launch);
}

/** Who still waits for the machine to become ready need not wait any longer. */
function tellGone(host: Host, ready: string): void {
  try {
    host.fifos.writeLine(ready, "gone");
  } catch {
    // It is full, by the machine's doing: whoever waits has more to read than it wants.
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
  const [, stopped] = await Promise.all([
    releaseAtOnce(host, name),
    host.processes.run(["systemctl", "stop", slice, unit]),
  ]);
  if (stopped.exitCode !== 0) host.log.debug(`# ${stopped.stderr.trim()}`);
  await releaseMachine(host, name);
  host.files.remove(machinePaths(name).runtime);
}

/**
 * Kills a machine that runs and releases what it held while systemd is still busy with its end:
 * the unit's ExecStopPost waits for the lock, and then finds either nothing to do, or what a death
 * of ours has left. Does nothing when nothing runs, or another is about to release it.
 */
async function releaseAtOnce(host: Host, name: MachineName): Promise<void> {
  const paths = machinePaths(name);
  if (host.files.probe(paths.state) === undefined) return;
  using lock = host.files.lock(paths.lock, { mode: "exclusive", wait: false });
  if (lock === undefined || !killMachine(host, name)) return;
  await releaseMachine(host, name);
  host.files.remove(paths.state);
}

/**
 * False when no nspawn is there to kill. It has the cgroup `supervisor` of its unit, the machine has
 * `payload` (create_subcgroup() of nspawn, systemd 252 and 257). What lies beside these is not for
 * us to kill: the unit's ExecStopPost, when the machine has just ended by itself.
 */
function killMachine(host: Pick<Host, "cgroups">, name: MachineName): boolean {
  const { cgroup } = machineUnits(name);
  const killed = host.cgroups.kill(`${cgroup}/supervisor`);
  host.cgroups.kill(`${cgroup}/payload`);
  return killed;
}
