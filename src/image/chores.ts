/**
 * What `gc` does, in its order. To look is apart from to do, so that `--dry-run` says the same; and no
 * chore that fails keeps another from being done.
 */
import type { Host } from "../host/host.ts";
import { findMachineGarbage } from "../machine/collect-garbage.ts";
import { firewallIsIncomplete, restoreFirewall } from "../network/ensure-firewall.ts";
import { closeStrayReach, findStrayReach } from "../network/reach.ts";
import { findStrayLinks, removeLink } from "../network/stray-links.ts";
import { findStrayLimits } from "../storage/stray-limits.ts";
import { listTrash, startDeleter } from "../storage/trash.ts";
import { onlyWarn } from "../text/only-warn.ts";
import type { ImageStore } from "./draft.ts";
import type { ExtendedLimits } from "./packages/forget.ts";
import {
  type Chore,
  findDraftChores,
  findGenerationChores,
  findPackagesChores,
  findRecordChores,
  findRetiredChores,
} from "./tidy.ts";

export interface ChoresRequest {
  readonly rootDirectory: string;
  readonly openStore: () => Promise<ImageStore>;
  readonly packages: ExtendedLimits;
  /** Of rooms that this one knows nothing of. */
  readonly others: readonly Place[];
}

/** Where there may be something to do: found once what comes before is done. */
export interface Place {
  readonly what: string;
  readonly find: () => readonly Chore[] | Promise<readonly Chore[]>;
}

/**
 * False when something could not be done; each was told as a warning. Throws when images cannot be got
 * at, after all that needs none.
 */
export async function doChores(host: Host, request: ChoresRequest): Promise<boolean> {
  let all = true;
  for await (const place of places(host, request)) {
    const found = await look(host, place);
    all &&= found !== undefined;
    for (const { what, act } of found ?? []) {
      const succeeded = await onlyWarn(host.log, what, async () => {
        if (await act()) host.log.info(`Done: ${what}.`);
        else host.log.verbose(`Left for later: ${what}.`);
      });
      all &&= succeeded;
    }
  }
  return all;
}

/** What `doChores` would do now. Changes nothing. */
export async function findChores(host: Host, request: ChoresRequest): Promise<string[]> {
  const found: string[] = [];
  for await (const place of places(host, request)) {
    for (const { what } of (await look(host, place)) ?? []) found.push(what);
  }
  return found;
}

/** Nothing when that cannot be done, which was told. */
async function look(host: Host, { what, find }: Place): Promise<readonly Chore[] | undefined> {
  let found: readonly Chore[] | undefined;
  await onlyWarn(host.log, `look for ${what}`, async () => {
    found = await find();
  });
  return found;
}

async function* places(host: Host, request: ChoresRequest): AsyncGenerator<Place> {
  const { rootDirectory, packages, others } = request;
  // First: until then, machines that live may reach what they must not.
  yield {
    what: "what the firewall of machines' networks lacks",
    find: () => findFirewallChores(host),
  };
  yield { what: "what is left of machines", find: () => findMachineChores(host, rootDirectory) };
  yield { what: "interfaces without a machine", find: () => findLinkChores(host) };
  yield { what: "firewall rules without a machine", find: () => findRulesChores(host) };
  yield* others;
  if (host.files.probe(rootDirectory) === undefined) return;
  const store = await request.openStore();
  yield { what: "drafts of killed commands", find: () => findDraftChores(host, store) };
  yield { what: "trees that were replaced", find: () => findRetiredChores(host, store) };
  yield { what: "names of trees that are gone", find: () => findRecordChores(host, store) };
  yield { what: "old generations", find: () => findGenerationChores(host, store) };
  yield {
    what: "images with added packages",
    find: () => findPackagesChores(host, store, packages),
  };
  yield { what: "what is in the trash", find: () => findTrashChores(host, rootDirectory) };
  yield {
    what: "limits of disks without a machine",
    find: () => findLimitChores(host, rootDirectory),
  };
}

async function findFirewallChores(host: Host): Promise<Chore[]> {
  if (!(await firewallIsIncomplete(host))) return [];
  const act = async (): Promise<boolean> => {
    await restoreFirewall(host);
    return true;
  };
  return [{ what: "make the firewall of machines' networks again", act }];
}

async function findMachineChores(host: Host, rootDirectory: string): Promise<Chore[]> {
  const garbage = await findMachineGarbage(host, rootDirectory);
  return garbage.map(({ name, why, collect }) => ({
    what: `remove what is left of machine "${name}": ${why}`,
    act: collect,
  }));
}

function findLinkChores(host: Host): Chore[] {
  return findStrayLinks(host).map((name) => ({
    what: `remove the interface "${name}", which has no machine`,
    act: () => removeLink(host, name),
  }));
}

async function findRulesChores(host: Host): Promise<Chore[]> {
  return (await findStrayReach(host)).map((name) => ({
    what: `remove the firewall rules of "${name}", which has no machine`,
    act: () => closeStrayReach(host, name),
  }));
}

function findTrashChores(host: Host, rootDirectory: string): Chore[] {
  const waiting = listTrash(host, rootDirectory).length;
  if (waiting === 0) return [];
  const what = `delete what was thrown away (${waiting} in the trash)`;
  return [{ what, act: () => startDeleter(host, rootDirectory) }];
}

async function findLimitChores(host: Host, rootDirectory: string): Promise<Chore[]> {
  const stray = await findStrayLimits(host, rootDirectory);
  return stray.map(({ what, remove }) => ({
    what: `remove ${what}, which has no machine`,
    act: async () => {
      await remove(host);
      return true;
    },
  }));
}
