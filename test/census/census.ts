/**
 * Everything on a host that a job could leave behind. Taken before and after, the two have to be the
 * same. It looks and changes nothing, and starts no service of the host. Root's alone.
 */
import { type Census, type Difference, diffCensus } from "./diff-census.ts";
import { FILE_KIND_NAMES, filesOfKind, seeFiles } from "./files.ts";
import { seeDevices, seeIpc, seeSubvolumes, seeSysctls } from "./kernel.ts";
import { seeMounts, seeNamespaces, seeNamespacesWithoutProcess } from "./mounts.ts";
import {
  seeAddresses,
  seeConnections,
  seeFirewall,
  seeLinks,
  seeNeighbours,
  seeRoutes,
  seeRoutingRules,
} from "./network.ts";
import {
  seeDescriptors,
  seeHeldLocks,
  seeInotify,
  seeLoopDevices,
  seeProcesses,
  seeProcessesOfMachines,
} from "./processes.ts";
import { seeCgroups, seeJobs, seeRegisteredMachines, seeUnits } from "./systemd.ts";
import type { CensusOptions, Things } from "./things.ts";

/** All kinds but those of files, which one walk finds. */
const KINDS = {
  // First: the other looks are calls that systemd answers.
  "descriptors of PID 1 and its like": seeDescriptors,
  mounts: seeMounts,
  namespaces: seeNamespaces,
  "namespaces without a process": seeNamespacesWithoutProcess,
  units: seeUnits,
  "jobs of systemd": seeJobs,
  cgroups: seeCgroups,
  "registered machines": seeRegisteredMachines,
  links: seeLinks,
  addresses: seeAddresses,
  routes: seeRoutes,
  "routing rules": seeRoutingRules,
  neighbours: seeNeighbours,
  firewall: seeFirewall,
  "tracked connections": seeConnections,
  processes: seeProcesses,
  "processes of machines": seeProcessesOfMachines,
  "inotify groups": seeInotify,
  "held locks": seeHeldLocks,
  "loop devices": seeLoopDevices,
  "IPC objects": seeIpc,
  sysctls: seeSysctls,
  devices: seeDevices,
  subvolumes: seeSubvolumes,
} as const satisfies Record<string, () => Things>;

export function takeCensus(options: CensusOptions): Census {
  const files = seeFiles(options);
  return {
    ...Object.fromEntries(Object.entries(KINDS).map(([kind, see]) => [kind, see()])),
    ...Object.fromEntries(FILE_KIND_NAMES.map((kind) => [kind, filesOfKind(files, kind)])),
  };
}

/** systemd and the kernel end things behind a command's back: tenths of a second. */
const SETTLE_MS = 10_000;
const LOOK_AGAIN_MS = 50;

/**
 * What is different from `before`, still, after `withinMs`; nothing as soon as nothing is. No
 * event says that the last of an ended unit is gone, so it looks again.
 */
export async function awaitCensus(
  before: Census,
  take: () => Census,
  withinMs = SETTLE_MS,
): Promise<Difference[]> {
  for (const until = performance.now() + withinMs; ; await Bun.sleep(LOOK_AGAIN_MS)) {
    const differences = diffCensus(before, take());
    if (differences.length === 0 || performance.now() > until) return differences;
  }
}
