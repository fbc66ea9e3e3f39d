/**
 * What is left of machines that died with their driver, or outlived their owner: found wherever a
 * machine leaves something, by its name, and undone as every machine is. Nothing goes by age.
 */
import type { Host } from "../host/host.ts";
import { PAIRS_DIRECTORY } from "../network/network-paths.ts";
import { discardTree } from "../storage/trash.ts";
import { isMachineName, type MachineName } from "../text/names.ts";
import { onlyWarn } from "../text/only-warn.ts";
import { listMachines } from "./machine-list.ts";
import {
  cloneDirectory,
  clonesDirectory,
  NSPAWN_LEFTOVERS,
  RANGES_DIRECTORY,
} from "./machine-paths.ts";
import { readMachineState } from "./machine-state.ts";
import { BUILD_SLICE, MACHINES_SLICE, machineOfUnit, machineUnits } from "./machine-units.ts";
import { type Owner, ownerIsGone } from "./owner.ts";
import { isBeingPrepared, listPreparing, unlessPrepared } from "./preparing.ts";
import { destroyMachine, releaseMachine } from "./release.ts";

export interface MachineGarbage {
  readonly name: MachineName;
  /** Why it is garbage, as half a sentence. */
  readonly why: string;
  /** Idempotent. False when somebody prepares it anew. Throws when it cannot be done. */
  collect(): Promise<boolean>;
}

/** Looks only. */
export async function findMachineGarbage(
  host: Host,
  rootDirectory: string,
): Promise<MachineGarbage[]> {
  const names = await findNames(host, rootDirectory);
  return names.flatMap((name) =>
    isBeingPrepared(host, name) ? [] : (judge(host, rootDirectory, name) ?? []),
  );
}

/** Of every place where a machine leaves something. A place that cannot be read hides no other. */
async function findNames(host: Host, rootDirectory: string): Promise<MachineName[]> {
  const places: readonly (() => Iterable<string> | Promise<Iterable<string>>)[] = [
    () => listMachines(host).map(({ name }) => name),
    () => listPreparing(host),
    () => listIn(host, clonesDirectory(rootDirectory)),
    () => listOwners(host),
    () => NSPAWN_LEFTOVERS.flatMap((directory) => listIn(host, directory)).filter(isGiven),
    () => listUnits(host),
    () => listCgroups(host),
  ];
  const names = new Set<string>();
  for (const place of places) {
    await onlyWarn(host.log, "look for what is left of machines", async () => {
      for (const name of await place()) names.add(name);
    });
  }
  return [...names].filter(isMachineName).sort();
}

/** A name that we give ourselves: the host may have other containers, whose names are their own. */
const isGiven = (name: string): boolean =>
  /^(job-[0-9]+-[a-z0-9]{6}|(build|login)-[a-z0-9]{12})$/.test(name);

function listIn(host: Pick<Host, "files">, directory: string): string[] {
  return host.files.probe(directory) === undefined ? [] : host.files.list(directory);
}

const listOwners = ({ claims }: Pick<Host, "claims">): string[] =>
  [RANGES_DIRECTORY, PAIRS_DIRECTORY].flatMap((place) =>
    claims.list(place).map(({ owner }) => owner),
  );

async function listUnits(host: Pick<Host, "processes">): Promise<string[]> {
  const patterns = ["nspawn-runner-*.service", "nspawn_runner-*.slice"];
  const listed = await host.processes.exec([
    ...["systemctl", "list-units", "--all", "--full", "--plain", "--no-legend"],
    ...patterns,
  ]);
  return listed.split("\n").flatMap((line) => machineOfUnit(line.trim().split(" ")[0] ?? "") ?? []);
}

/** What systemd knows nothing of any more may still have its cgroup. */
const listCgroups = ({ cgroups }: Pick<Host, "cgroups">): string[] =>
  [MACHINES_SLICE, `${MACHINES_SLICE}/${BUILD_SLICE}`].flatMap((above) =>
    cgroups.list(above).flatMap((name) => machineOfUnit(name) ?? []),
  );

/** Of one that nobody is preparing. */
function judge(host: Host, rootDirectory: string, name: MachineName): MachineGarbage | undefined {
  const read = readMachineState(host, name);
  const owner = read.kind === "read" ? read.value.owner : undefined;
  const garbage = { name, collect: () => collectOne(host, rootDirectory, name) };
  if (host.cgroups.isPopulated(machineUnits(name).cgroup)) {
    return ownerIsGone(host, owner)
      ? { ...garbage, why: `process ${owner?.pid}, whose it is, is gone` }
      : undefined;
  }
  if (!isAwaited(host, owner)) return { ...garbage, why: "it is dead" };
  // How it ended is for its `run` to tell, and its `cleanup` will come.
  if (!holdsAnything(host, rootDirectory, name)) return undefined;
  const collect = async (): Promise<boolean> => {
    await releaseMachine(host, name);
    return true;
  };
  return { ...garbage, why: "it is dead", collect };
}

const isAwaited = (host: Host, owner: Owner | undefined): boolean =>
  owner !== undefined && !ownerIsGone(host, owner);

const holdsAnything = (host: Host, rootDirectory: string, name: MachineName): boolean =>
  host.files.probe(cloneDirectory(rootDirectory, name)) !== undefined ||
  listOwners(host).includes(name);

/**
 * Unless it is garbage no more: since it was judged, the next try of its job may have made a machine
 * of that name. Under the lock that this one would have to hold.
 */
const collectOne = (host: Host, rootDirectory: string, name: MachineName): Promise<boolean> =>
  unlessPrepared(host, name, async () => {
    if (judge(host, rootDirectory, name) !== undefined) {
      await destroyWhole(host, rootDirectory, name);
    }
  });

/** All there is of a machine, alive or dead, wherever it left it. Idempotent. */
export async function destroyWhole(
  host: Host,
  rootDirectory: string,
  name: MachineName,
): Promise<void> {
  await destroyMachine(host, name);
  // Of one whose own directory is gone, with what it says of its clone.
  await discardTree(host, rootDirectory, cloneDirectory(rootDirectory, name));
  host.cgroups.prune(machineUnits(name).sliceCgroup);
}
