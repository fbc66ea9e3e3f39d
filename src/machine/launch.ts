/**
 * What the unit of a layered clone does before it becomes nspawn: mounts in the mount namespace
 * that systemd gave this unit alone (PrivateMounts=). They die with it; the host sees none.
 */
import type { Host } from "../host/host.ts";
import { layerDirectories } from "../storage/layers.ts";
import type { ClonePlan } from "../storage/storage.ts";
import type { MachineName } from "../text/names.ts";
import { machinePaths } from "./machine-paths.ts";

interface Launch {
  readonly clone: Extract<ClonePlan, { kind: "layers" }>;
  readonly idShift: number;
  readonly nspawn: readonly string[];
}

/** Never returns: the process becomes nspawn, with the same PID, so that `Type=notify` holds. */
export async function launchMachine(host: Host, name: MachineName): Promise<never> {
  // Written by `prepare` into a directory of root's alone.
  const launch: Launch = JSON.parse(host.files.readText(machinePaths(name).launch));
  await mountLayers(host, launch);
  return host.processes.become(launch.nspawn);
}

async function mountLayers(host: Host, { clone, idShift }: Launch): Promise<void> {
  const { lower, written, upper, work } = layerDirectories(clone.directory);
  if (clone.memoryBytes !== undefined) {
    host.mounts.fileSystem("tmpfs", written, `mode=0700,size=${clone.memoryBytes}`);
  }
  const rootMode = host.files.probe(clone.source)?.mode ?? 0o755;
  host.files.createDirectory(upper, rootMode);
  host.files.createDirectory(work, 0o700);
  for (const path of [upper, work]) host.files.setOwner(path, idShift);
  await host.mounts.idMapped({ source: clone.source, target: lower, idShift });
  host.mounts.fileSystem(
    "overlay",
    clone.tree,
    `lowerdir=${lower},upperdir=${upper},workdir=${work}`,
  );
}
