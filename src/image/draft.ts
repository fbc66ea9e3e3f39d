/**
 * Where a tree is made or changed before it is published, and what is left of it when it fails. A draft's
 * name is its image's and a random one: what still works in one of before works in no other.
 */

import type { Host } from "../host/host.ts";
import { WAITS } from "../host/waits.ts";
import { destroyMachine } from "../machine/release.ts";
import type { Storage } from "../storage/storage.ts";
import { discardTree, discardTreeAndWait, ensureTrash } from "../storage/trash.ts";
import { RunnerError } from "../text/errors.ts";
import { formatCommandFailure } from "../text/format-command.ts";
import { isMachineName, type MachineName, type TreeId } from "../text/names.ts";
import { onlyWarn } from "../text/only-warn.ts";
import { isChanging, tryChangeLock } from "./change-lock.ts";
import { newTreeId } from "./tree-id.ts";

/** Where images are, and how they are cloned. */
export interface ImageStore {
  readonly rootDirectory: string;
  readonly storage: Storage;
}

const draftsDirectory = (store: ImageStore): string => `${store.rootDirectory}/.drafts`;

export interface Draft extends AsyncDisposable {
  readonly tree: string;
  /** What the tree is called from its birth on, wherever it comes to lie. */
  readonly id: TreeId;
  /** A scratch directory beside the tree. */
  readonly work: string;
  /** A machine of this name is about to work in the tree: it ends with the draft. */
  holdMachine(name: MachineName): void;
  /** The same for a unit, whose name begins with `CREATION_UNIT`. Returns a place for files of its own. */
  holdUnit(name: string): string;
  /** The draft became the image's tree: what is left of it is removed, which cannot fail that. */
  published(): void;
}

/**
 * A place for a new tree of an image, removed when not published. The caller holds the image's
 * change lock, so what lies there from a killed command of before is removed first.
 */
export async function openDraft(host: Host, store: ImageStore, name: string): Promise<Draft> {
  const directory = `${draftsDirectory(store)}/${name}${RANDOM_MARK}${host.randomName(RANDOM_LENGTH)}`;
  host.files.ensureDirectory(draftsDirectory(store), 0o700);
  // Now: a draft that has filled the disk is in the way until it can be moved there.
  ensureTrash(host, store.rootDirectory);
  for (const left of draftsOf(host, store, name)) await removeDraftAndWait(host, store, left);
  host.files.createDirectory(directory, 0o700);
  host.files.createDirectory(`${directory}/work`, 0o700);
  let published = false;
  return {
    tree: `${directory}/root`,
    id: newTreeId(host),
    work: `${directory}/work`,
    holdMachine: (machine) => host.files.append(machinesFile(directory), `${machine}\n`),
    holdUnit: (unit) => {
      const place = `${unitsDirectory(directory)}/${unit}`;
      host.files.ensureDirectory(unitsDirectory(directory), 0o700);
      host.files.createDirectory(place, 0o700);
      return place;
    },
    published: () => {
      published = true;
    },
    [Symbol.asyncDispose]: async () => {
      if (published) {
        await onlyWarn(host.log, `remove what is left in "${directory}"`, () =>
          removeDraft(host, store, directory),
        );
        return;
      }
      // Whoever asked for the build has what it took of the disk back when told that it failed.
      await removeDraftAndWait(host, store, directory);
    },
  };
}

/** To be done before publishing: a power cut must not find new names without their data. */
export async function writeToDisk(
  host: Pick<Host, "processes">,
  draft: Pick<Draft, "tree">,
): Promise<void> {
  await syncFileSystem(host, draft.tree);
}

/**
 * To be done after publishing: what was told to be there is there after a power cut. When it fails,
 * it is published nevertheless.
 */
export async function writtenAway(
  host: Pick<Host, "processes" | "log">,
  directory: string,
): Promise<void> {
  await onlyWarn(host.log, `make sure that "${directory}" is on the disk`, () =>
    syncFileSystem(host, directory),
  );
}

async function syncFileSystem(host: Pick<Host, "processes">, path: string): Promise<void> {
  await host.processes.exec(["sync", "--file-system", path], { wait: WAITS.writeToDisk });
}

/** No image's name has one in it. */
const RANDOM_MARK = "=";
const RANDOM_LENGTH = 8;

/** Release 0.1.0 had them under the image's name alone. */
const imageOf = (entry: string): string => entry.split(RANDOM_MARK, 1)[0] ?? "";

/** Paths of all that there are of an image. */
function draftsOf(host: Pick<Host, "files">, store: ImageStore, name: string): string[] {
  const drafts = draftsDirectory(store);
  if (host.files.probe(drafts) === undefined) return [];
  const own = host.files.list(drafts).filter((entry) => imageOf(entry) === name);
  return own.map((entry) => `${drafts}/${entry}`);
}

const machinesFile = (directory: string): string => `${directory}/machines`;
const unitsDirectory = (directory: string): string => `${directory}/units`;

/** How the names of units begin in which a root file system is made; no machine's does (`machine-units.ts`). */
export const CREATION_UNIT = "nspawn-runner-create-";

const isCreationUnit = (name: string): boolean =>
  name.startsWith(CREATION_UNIT) && /^[a-z0-9-]+\.service$/.test(name);

async function removeDraft(host: Host, store: ImageStore, directory: string): Promise<void> {
  await endWork(host, directory);
  await discardTree(host, store.rootDirectory, directory);
}

async function removeDraftAndWait(host: Host, store: ImageStore, directory: string): Promise<void> {
  await endWork(host, directory);
  await discardTreeAndWait(host, store.rootDirectory, directory);
}

async function endWork(host: Host, directory: string): Promise<void> {
  await endMachines(host, directory);
  await endUnits(host, directory);
}

/** systemctl(1): there is no such unit. */
const NOT_LOADED = 5;

async function endUnits(host: Host, directory: string): Promise<void> {
  const units = unitsDirectory(directory);
  if (host.files.probe(units)?.kind !== "directory") return;
  for (const unit of host.files.list(units)) {
    if (!isCreationUnit(unit)) continue;
    const stopped = await host.processes.run(["systemctl", "stop", unit]);
    if (stopped.exitCode === 0 || stopped.exitCode === NOT_LOADED) continue;
    throw new RunnerError({ kind: "system", message: formatCommandFailure(stopped) });
  }
}

async function endMachines(host: Host, directory: string): Promise<void> {
  const machines = machinesFile(directory);
  if (host.files.probe(machines) === undefined) return;
  // A crash may have cut off a name; no machine was started before the whole of it was there.
  const names = host.files.readText(machines).split("\n").filter(isMachineName);
  for (const name of names) await destroyMachine(host, name);
}

/** Whether a machine works in a draft of that image, or has. */
export const hasMachine = (host: Pick<Host, "files">, store: ImageStore, name: string): boolean =>
  draftsOf(host, store, name).some(
    (directory) => host.files.probe(machinesFile(directory)) !== undefined,
  );

/** Images with drafts whose command was killed: nobody is changing them. Looks only. */
export function findStaleDrafts(host: Host, store: ImageStore): string[] {
  const drafts = draftsDirectory(store);
  if (host.files.probe(drafts) === undefined) return [];
  const names = new Set(host.files.list(drafts).map(imageOf));
  return [...names].filter((name) => !isChanging(host, store.rootDirectory, name));
}

/** Unless a command has begun to change its image since. */
/** False when somebody is at it. */
export async function removeStaleDraft(
  host: Host,
  store: ImageStore,
  name: string,
): Promise<boolean> {
  using lock = tryChangeLock(host, store.rootDirectory, name);
  if (lock === undefined) return false;
  for (const left of draftsOf(host, store, name)) await removeDraft(host, store, left);
  return true;
}

export async function removeStaleDrafts(host: Host, store: ImageStore): Promise<void> {
  for (const name of findStaleDrafts(host, store)) {
    await onlyWarn(host.log, `remove the draft "${name}"`, () =>
      removeStaleDraft(host, store, name),
    );
  }
}
