/** Whether a machine lives, and its sudden end. Cheap enough to be asked twenty times a second. */
import type { Host } from "../host/host.ts";
import type { MachineName } from "../text/names.ts";
import { machinePaths } from "./machine-paths.ts";
import { machineUnits } from "./machine-units.ts";

/**
 * True as soon as no process of it lives, which is before its unit has ended. Its processes are in the
 * cgroup `payload` of its unit (create_subcgroup() of nspawn, systemd 252 and 257).
 */
export function machineIsGone(host: Pick<Host, "cgroups" | "files">, name: MachineName): boolean {
  if (host.files.probe(machinePaths(name).end) !== undefined) return true;
  return !host.cgroups.isPopulated(`${machineUnits(name).cgroup}/payload`);
}

/**
 * Whether a process of the machine is there: nspawn, its payload, or what is about to become nspawn,
 * which is in the unit's cgroup itself. `ExecStopPost=` runs in a cgroup of its own beside these.
 */
export function machineLives({ cgroups }: Pick<Host, "cgroups">, name: MachineName): boolean {
  const { cgroup } = machineUnits(name);
  return (
    cgroups.hasProcesses(cgroup) ||
    ["supervisor", "payload"].some((part) => cgroups.isPopulated(`${cgroup}/${part}`))
  );
}

/**
 * False when no nspawn is there to kill. It has the cgroup `supervisor` of its unit. What lies beside
 * these is not for us to kill: the unit's ExecStopPost, when the machine has just ended by itself.
 */
export function killMachine(host: Pick<Host, "cgroups">, name: MachineName): boolean {
  const { cgroup } = machineUnits(name);
  const killed = host.cgroups.kill(`${cgroup}/supervisor`);
  host.cgroups.kill(`${cgroup}/payload`);
  return killed;
}
