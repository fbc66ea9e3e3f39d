/** `gc`: what crashes left goes, and what a firewall loaded anew has removed comes back. */
import { readConfig } from "../config/config.ts";
import type { Host } from "../host/host.ts";
import { type ChoresRequest, doChores, findChores } from "../image/chores.ts";
import { findDeadScratches, removeDeadScratch } from "../local/scratch.ts";
import { listKept } from "../storage/empty-trash.ts";
import type { Action } from "./context.ts";
import { openImageStore } from "./image-store.ts";
import { requireRoot } from "./machine-name.ts";

export const gcAction: Action<[{ dryRun?: boolean }]> = async ({ host }, options) => {
  const config = await readConfig(host);
  const { rootDirectory } = config;
  requireRoot(host);
  const request: ChoresRequest = {
    rootDirectory,
    openStore: () => openImageStore(host, config),
    packages: config.jobPackages ?? { count: 0, bytes: 0 },
    others: [{ what: "what killed calls of exec have left", find: () => findExecChores(host) }],
  };
  let done = true;
  if (options.dryRun) {
    for (const what of await findChores(host, request)) host.print(`Would ${what}.\n`);
  } else done = await doChores(host, request);
  for (const { path, reason } of listKept(host, rootDirectory)) {
    const text = `"${path}" cannot be deleted. ${reason}`;
    if (options.dryRun) host.print(`${text}\n`);
    // Not a warning: its deleter gave one, and gc runs every minute.
    else host.log.info(text);
  }
  return done ? "success" : "system";
};

const findExecChores = (host: Host) =>
  findDeadScratches(host).map((name) => ({
    what: `remove what the killed call "${name}" of exec has left`,
    act: () => removeDeadScratch(host, name),
  }));
