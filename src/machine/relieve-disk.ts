/** Ends the machine that has filled the disk, and tells its job. What a `disk-watch` unit calls. */
import type { Host } from "../host/host.ts";
import { WAITS } from "../host/waits.ts";
import { BTRFS_MAGIC } from "../storage/btrfs-facts.ts";
import type { MachineName } from "../text/names.ts";
import { formatLimit } from "../text/sizes.ts";
import { type DiskUse, findGuilty, findShortage, planReserve } from "./disk-reserve.ts";
import { measureDiskUse } from "./disk-use.ts";
import { killMachine } from "./machine-life.ts";
import { listMachines } from "./machine-list.ts";
import { machinePaths } from "./machine-paths.ts";
import { machineUnits } from "./machine-units.ts";

const LOOK_MS = 1000;

/**
 * One at most. False when the disk is short still: nobody is to blame, or what was thrown away is not
 * deleted in time.
 */
export async function relieveDisk(host: Host, rootDirectory: string): Promise<boolean> {
  const look = (): ReturnType<typeof findShortage> => {
    const facts = host.files.probeFileSystem(rootDirectory);
    return findShortage(facts, planReserve(facts));
  };
  const shortage = look();
  if (shortage === undefined) return true;
  const names = listMachines(host).flatMap(({ name, state }) =>
    state.kind === "read" &&
    state.value.rootDirectory === rootDirectory &&
    host.cgroups.isPopulated(machineUnits(name).cgroup)
      ? [name]
      : [],
  );
  const users = await Promise.all(
    names.map(async (name) => ({ name, use: await measureDiskUse(host, rootDirectory, name) })),
  );
  const reserve = planReserve(host.files.probeFileSystem(rootDirectory));
  const guilty = findGuilty(users, shortage, reserve);
  if (guilty === undefined) {
    host.log.warn(
      `The file system of "${rootDirectory}" is short of ${shortage}, and no machine has taken many of them.`,
    );
    return false;
  }
  endMachine(host, guilty, formatReserve(shortage, reserve[shortage]));
  return await awaitSpace(host, rootDirectory, look);
}

const formatReserve = (shortage: "bytes" | "inodes", amount: number): string =>
  shortage === "bytes" ? `${formatLimit(amount)} are kept free` : `${amount} inodes are kept free`;

/** Its unit releases it, and puts what we say into how it ended. */
function endMachine(
  host: Host,
  { name, use }: { readonly name: MachineName; readonly use: DiskUse },
  kept: string,
): void {
  const verdict = `The machine was ended: it had written ${formatLimit(use.bytes)} in ${use.inodes} files, and the host's disk was full (${kept}). Let the job write less, or the administrator make room.`;
  host.log.warn(`Machine "${name}": ${verdict}`);
  host.files.writeText(machinePaths(name).verdict, verdict, 0o600);
  killMachine(host, name);
}

async function awaitSpace(
  host: Host,
  rootDirectory: string,
  look: () => "bytes" | "inodes" | undefined,
): Promise<boolean> {
  const until = host.clock.elapsedMs() + WAITS.diskReturns.ms;
  while (look() !== undefined) {
    if (host.clock.elapsedMs() > until || host.signal.aborted) return false;
    await host.clock.sleep(LOOK_MS);
    await host.processes.run(commitCommand(host, rootDirectory), { wait: WAITS.writeToDisk });
  }
  return true;
}

/**
 * Space comes back when the file system commits. btrfs drops deleted subvolumes at most every half minute,
 * unless its own command wakes what does it (btrfs_ioctl_sync() of Linux, BTRFS_IOC_SYNC).
 */
const commitCommand = ({ files }: Pick<Host, "files">, rootDirectory: string): string[] =>
  files.probeFileSystem(rootDirectory).magic === BTRFS_MAGIC
    ? ["btrfs", "filesystem", "sync", rootDirectory]
    : ["sync", "--file-system", rootDirectory];
