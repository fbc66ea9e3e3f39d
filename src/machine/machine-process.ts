/** PID 1 of a machine, as the host sees it. */
import type { Host } from "../host/host.ts";
import { RunnerError } from "../text/errors.ts";
import type { MachinePlan } from "./machine-plan.ts";

export interface MachineProcess {
  readonly leader: number;
  /** Directory of the cgroup that is the machine's root. */
  readonly cgroup: string;
}

/**
 * Asks systemd for the unit's main process, which is nspawn; its one child is the machine's PID 1
 * (proc(5), /proc/pid/task/tid/children). With --keep-unit the machine's cgroup is "payload" below
 * the unit's (systemd-nspawn.c of 252 to 257).
 */
export async function findMachineProcess(
  host: Pick<Host, "files" | "processes">,
  plan: Pick<MachinePlan, "unit" | "facts">,
): Promise<MachineProcess> {
  const shown = await host.processes.exec([
    "systemctl",
    "show",
    "--property=MainPID,ControlGroup",
    plan.unit,
  ]);
  const main = /^MainPID=(\d+)$/m.exec(shown)?.[1] ?? "0";
  const group = /^ControlGroup=(\/.+)$/m.exec(shown)?.[1];
  const children = `/proc/${main}/task/${main}/children`;
  const leader =
    host.files.probe(children) === undefined
      ? Number.NaN
      : Number.parseInt(host.files.readText(children), 10);
  if (group !== undefined && leader > 0) {
    return { leader, cgroup: `/sys/fs/cgroup${group}/payload` };
  }
  throw new RunnerError({ kind: "system", message: `Machine "${plan.facts.name}" is gone.` });
}
