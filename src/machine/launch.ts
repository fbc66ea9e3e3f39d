/**
 * What a machine's unit does before it becomes nspawn: the mounts of a layered clone, in the mount
 * namespace that systemd gave this unit alone (PrivateMounts=), with which they die; and what nspawn
 * cannot deny a machine by itself.
 */
import type { Host } from "../host/host.ts";
import type { MountStep } from "../storage/storage.ts";
import type { MachineName } from "../text/names.ts";
import { unreachable } from "../text/unreachable.ts";
import { machinePaths } from "./machine-paths.ts";
import { socketFilter } from "./socket-filter.ts";

/** What `prepare` leaves for the launcher, as JSON. */
export interface Launch {
  readonly mounts: readonly MountStep[];
  readonly idShift: number;
  readonly idCount: number;
  readonly nspawn: readonly string[];
  /** Whether 32-bit programs may make sockets: see `socket-filter.ts`. */
  readonly socketcall: boolean;
}

/** Never returns: the process becomes nspawn, with the same PID, so that `Type=notify` holds. */
export async function launchMachine(host: Host, name: MachineName): Promise<never> {
  // Written by `prepare` into a directory of root's alone.
  const launch: Launch = JSON.parse(host.files.readText(machinePaths(name).launch));
  for (const step of launch.mounts) await carryOut(host, step, launch);
  return host.processes.become(launch.nspawn, socketFilter(host.architecture, launch));
}

async function carryOut(
  host: Host,
  step: MountStep,
  { idShift, idCount }: Pick<Launch, "idShift" | "idCount">,
): Promise<void> {
  switch (step.kind) {
    case "tmpfs":
      return host.mounts.tmpfs(step);
    case "directory":
      host.files.createDirectory(step.path, step.mode);
      return host.files.setOwner(step.path, idShift);
    case "id-mapped":
      return host.mounts.idMapped({ ...step, idShift, idCount });
    case "overlay":
      return host.mounts.overlay(step);
    default:
      return unreachable(step);
  }
}
