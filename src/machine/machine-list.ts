/** The machines there are, dead or alive, and what is left of those that died with their driver. */
import type { Host } from "../host/host.ts";
import { STORAGES } from "../storage/detect.ts";
import type { StorageKind } from "../storage/storage.ts";
import { type MachineName, parseMachineName } from "../text/names.ts";
import { clonesDirectory, MACHINES_DIRECTORY, machinePaths } from "./machine-paths.ts";
import { machineUnits } from "./machine-plan.ts";
import { type MachineState, readMachineState } from "./machine-state.ts";
import { destroyMachine } from "./release.ts";

interface KnownMachine {
  readonly name: MachineName;
  /** Nothing while it is being prepared. */
  readonly state: MachineState | undefined;
}

export function listMachines(host: Pick<Host, "files">): KnownMachine[] {
  if (host.files.probe(MACHINES_DIRECTORY) === undefined) return [];
  return host.files
    .list(MACHINES_DIRECTORY)
    .map(parseMachineName)
    .map((name) => ({ name, state: readMachineState(host, name) }));
}

/** A machine that is being prepared has no unit yet; it is left alone for this long. */
const PREPARING_MS = 10 * 60_000;

/**
 * Removes machines without a live unit and clones without a machine. Those being prepared are left
 * alone. Returns the names of what it removed.
 */
export async function collectGarbage(
  host: Host,
  options: { readonly rootDirectory: string; readonly storage: StorageKind },
): Promise<readonly string[]> {
  const removed: string[] = [];
  for (const { name } of listMachines(host)) {
    if (host.cgroups.exists(machineUnits(name).cgroup) || isFresh(host, machinePaths(name).runtime))
      continue;
    await destroyMachine(host, name);
    removed.push(name);
  }
  const clones = clonesDirectory(options.rootDirectory);
  if (host.files.probe(clones) === undefined) return removed;
  for (const entry of host.files.list(clones)) {
    const path = `${clones}/${entry}`;
    const owned = host.files.probe(`${MACHINES_DIRECTORY}/${entry}`) !== undefined;
    if (owned || isFresh(host, path)) continue;
    await STORAGES[options.storage].remove(host, path);
    removed.push(entry);
  }
  return removed;
}

function isFresh(host: Pick<Host, "files" | "clock">, path: string): boolean {
  const facts = host.files.probe(path);
  return facts !== undefined && host.clock.nowMs() - facts.modifiedMs < PREPARING_MS;
}
