/** The end of a machine's unit, however it came: told, and then the machine is released. */
import type { Host } from "../host/host.ts";
import { startDeleter } from "../storage/trash.ts";
import type { MachineName } from "../text/names.ts";
import { type MachineEnd, writeMachineEnd } from "./machine-state.ts";
import { machineUnits } from "./machine-units.ts";
import { releaseMachine, rootOf } from "./release.ts";

/** Called by the unit itself, as its `ExecStopPost=`. */
export async function endMachine(host: Host, name: MachineName, end: MachineEnd): Promise<void> {
  writeMachineEnd(host, name, end);
  const root = rootOf(host, name);
  await releaseMachine(host, name);
  // A slice outlives the units in it unless it is stopped too. Not waited for: we are in it.
  await host.processes.run(["systemctl", "--no-block", "stop", machineUnits(name).slice]);
  // What we leave running would be killed with the unit.
  if (root !== undefined) await startDeleter(host, root);
}
