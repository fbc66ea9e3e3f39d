/**
 * What the unit of a layered clone does before it becomes nspawn: mounts in the mount namespace
 * that systemd gave this unit alone (PrivateMounts=). They die with it; the host sees none.
 */
import type { Host } from "../host/host.ts";
import type { MountStep } from "../storage/storage.ts";
import type { MachineName } from "../text/names.ts";
import { unreachable } from "../text/unreachable.ts";
import { machinePaths } from "./machine-paths.ts";

/** What `prepare` leaves for the launcher, as JSON. */
export interface Launch {
  readonly mounts: readonly MountStep[];
  readonly idShift: number;
  readonly nspawn: readonly string[];
}

/** Never returns: the process becomes nspawn, with the same PID, so that `Type=notify` holds. */
export async function launchMachine(host: Host, name: MachineName): Promise<never> {
  // Written by `prepare` into a directory of root's alone.
  const launch: Launch = JSON.parse(host.files.readText(machinePaths(name).launch));
  for (const step of launch.mounts) await carryOut(host, step, launch.idShift);
  return host.processes.become(launch.nspawn);
}

async function carryOut(host: Host, step: MountStep, idShift: number): Promise<void> {
  switch (step.kind) {
    case "tmpfs":
      return host.mounts.tmpfs(step);
    case "directory":
      host.files.createDirectory(step.path, step.mode);
      return host.files.setOwner(step.path, idShift);
    case "id-mapped":
      return host.mounts.idMapped({ ...step, idShift });
    case "overlay":
      return host.mounts.overlay(step);
    default:
      return unreachable(step);
  }
}
