/** The machines there are, dead or alive, and what is left of those that died with their driver. */
import type { Host } from "../host/host.ts";
import type { RecordHost, RecordRead } from "../record/record.ts";
import { discardTree } from "../storage/trash.ts";
import { formatError } from "../text/format-error.ts";
import { isMachineName, type MachineName } from "../text/names.ts";
import { clonesDirectory, MACHINES_DIRECTORY, machinePaths } from "./machine-paths.ts";
import { type MachineState, readMachineState } from "./machine-state.ts";
import { machineUnits } from "./machine-units.ts";
import { destroyMachine } from "./release.ts";

interface KnownMachine {
  readonly name: MachineName;
  /** Absent while it is being prepared. */
  readonly state: RecordRead<MachineState>;
}

export function listMachines(host: RecordHost): KnownMachine[] {
  return listMachineNames(host).map((name) => ({ name, state: readMachineState(host, name) }));
}

/** What else lies there is nobody's machine. */

function listMachineNames(host: Pick<Host, "files">): MachineName[] {
  if (host.files.probe(MACHINES_DIRECTORY) === undefined) return [];
  return host.files.list(MACHINES_DIRECTORY).filter(isMachineName);
}

/** A machine that is being prepared has no unit yet; it is left alone for this long. */
const PREPARING_MS = 10 * 60_000;

export interface Garbage {
  /** Names of the machines whose rest was removed. */
  readonly removed: readonly string[];
  /** Names of those that could not be; each was told as a warning. */
  readonly kept: readonly string[];
}

/**
 * Removes machines without a live unit and clones without a machine. Those being prepared are left
 * alone. One that cannot be removed is no reason to leave the others, nor for a job to fail.
 */
export async function collectGarbage(
  host: Host,
  options: { readonly rootDirectory: string },
): Promise<Garbage> {
  const removed: string[] = [];
  const kept: string[] = [];
  const attempt = async (name: string, remove: () => Promise<void>): Promise<void> => {
    try {
      await remove();
      removed.push(name);
    } catch (error) {
      const why = formatError(error, { debug: false });
      host.log.warn(`Cannot remove what is left of machine "${name}". ${why}`);
      kept.push(name);
    }
  };
  for (const name of listMachineNames(host)) {
    if (host.cgroups.exists(machineUnits(name).cgroup)) continue;
    if (isFresh(host, machinePaths(name).runtime)) continue;
    await attempt(name, () => destroyMachine(host, name));
  }
  const clones = clonesDirectory(options.rootDirectory);
  if (host.files.probe(clones) === undefined) return { removed, kept };
  for (const entry of host.files.list(clones)) {
    const path = `${clones}/${entry}`;
    const owned = host.files.probe(`${MACHINES_DIRECTORY}/${entry}`) !== undefined;
    if (owned || isFresh(host, path)) continue;
    await attempt(entry, () => discardTree(host, options.rootDirectory, path));
  }
  return { removed, kept };
}

function isFresh(host: Pick<Host, "files" | "clock">, path: string): boolean {
  const facts = host.files.probe(path);
  return facts !== undefined && host.clock.nowMs() - facts.modifiedMs < PREPARING_MS;
}
