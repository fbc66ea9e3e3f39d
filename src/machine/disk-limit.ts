/** Whether a machine has met the limit of what it may write, and what its job's author is told of that. */
import type { Host } from "../host/host.ts";
import type { StorageHost } from "../storage/storage.ts";
import type { MachineName } from "../text/names.ts";
import { formatLimit } from "../text/sizes.ts";
import { cloneDirectory } from "./machine-paths.ts";
import type { MachineState } from "./machine-state.ts";
import { machineUnits } from "./machine-units.ts";

/** Less than this share of the limit left, whoever fails may well have asked for more than there was. */
const ALL_BUT_FULL = 1 / 16;

/** A sentence when the limit was met, or all but. Of a script that has failed: a file system may be waited for. */
export async function explainDiskLimit(
  host: StorageHost & Pick<Host, "cgroups">,
  name: MachineName,
  { rootDirectory, storage, diskBytes }: MachineState,
): Promise<string | undefined> {
  if (diskBytes === undefined) return undefined;
  try {
    const { STORAGES } = await import("../storage/detect.ts");
    const leftBytes = await STORAGES[storage].limiter.readLeft(host, {
      directory: cloneDirectory(rootDirectory, name),
      view: viewOf(host, name),
    });
    return leftBytes === undefined ? undefined : formatDiskLimit(leftBytes, diskBytes);
  } catch (error) {
    // It is gone meanwhile, or the file system takes its time.
    host.log.debug(`# ${String(error)}`);
    return undefined;
  }
}

/** The mounts of its unit, as nspawn itself has them, which is in this cgroup. */
function viewOf({ cgroups }: Pick<Host, "cgroups">, name: MachineName): string {
  const processes = cgroups.read(`${machineUnits(name).cgroup}/supervisor`, "cgroup.procs") ?? "";
  return `/proc/${processes.split("\n")[0]}/root`;
}

/** Nothing where there was enough. Pure. */
export function formatDiskLimit(leftBytes: number, diskBytes: number): string | undefined {
  if (leftBytes > diskBytes * ALL_BUT_FULL) return undefined;
  const written = formatLimit(Math.max(diskBytes - leftBytes, 0));
  return `The machine's disk was full, or all but: it has written ${written}, and may write ${formatLimit(diskBytes)}. Let the job write less, or ask for more by NSPAWN_DISK.`;
}
