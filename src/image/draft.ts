/** Where a tree is made or changed before it is published, and what is left of it when it fails. */

import type { Host } from "../host/host.ts";
import { WAITS } from "../host/waits.ts";
import { destroyMachine } from "../machine/release.ts";
import type { Storage } from "../storage/storage.ts";
import { type MachineName, parseMachineName } from "../text/names.ts";
import { changeLock } from "./image-lock.ts";

/** Where images are, and how they are cloned. */
export interface ImageStore {
  readonly rootDirectory: string;
  readonly storage: Storage;
}

const draftsDirectory = (store: ImageStore): string => `${store.rootDirectory}/.drafts`;

export interface Draft extends AsyncDisposable {
  readonly tree: string;
  /** A scratch directory beside the tree. */
  readonly work: string;
  /** A machine of this name is about to work in the tree: it ends with the draft. */
  holdMachine(name: MachineName): void;
  /** The draft became the image's tree: nothing is left to remove. */
  published(): void;
}

/**
 * A place for a new tree of an image, removed when not published. The caller holds the image's
 * change lock, so what lies there from a killed command of before is removed first.
 */
export async function openDraft(host: Host, store: ImageStore, name: string): Promise<Draft> {
  const directory = `${draftsDirectory(store)}/${name}`;
  host.files.ensureDirectory(draftsDirectory(store), 0o700);
  await removeDraft(host, store, directory);
  host.files.createDirectory(directory, 0o700);
  host.files.createDirectory(`${directory}/work`, 0o700);
  return {
    tree: `${directory}/root`,
    work: `${directory}/work`,
    holdMachine: (machine) => host.files.append(machinesFile(directory), `${machine}\n`),
    published: () => host.files.remove(directory),
    [Symbol.asyncDispose]: () => removeDraft(host, store, directory),
  };
}

/** To be done before publishing: a power cut must not find new names without their data. */
export async function writeToDisk(
  host: Pick<Host, "processes">,
  draft: Pick<Draft, "tree">,
): Promise<void> {
  await host.processes.exec(["sync", "--file-system", draft.tree], {
    wait: WAITS.writeToDisk,
  });
}

const machinesFile = (directory: string): string => `${directory}/machines`;

async function removeDraft(host: Host, store: ImageStore, directory: string): Promise<void> {
  const machines = machinesFile(directory);
  if (host.files.probe(machines) !== undefined) {
    for (const line of host.files.readText(machines).split("\n").filter(Boolean)) {
      await destroyMachine(host, parseMachineName(line));
    }
  }
  await store.storage.remove(host, directory);
}

/** Removes drafts of commands that were killed: those whose image nobody is changing. */
export async function removeStaleDrafts(host: Host, store: ImageStore): Promise<void> {
  const drafts = draftsDirectory(store);
  if (host.files.probe(drafts) === undefined) return;
  for (const name of host.files.list(drafts)) {
    using lock = changeLock(host, store.rootDirectory, name);
    if (lock.kind === "held") await removeDraft(host, store, `${drafts}/${name}`);
  }
}
