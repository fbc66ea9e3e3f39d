/** `cleanup`: of a machine that lives, is half made, is dead or never was. */
import { destroyMachine } from "../machine/release.ts";
import type { Action } from "./context.ts";
import { optionalMachineName, requireRoot } from "./machine-name.ts";

export const cleanupAction: Action<[{ id?: string }]> = async ({ host }, options) => {
  const name = optionalMachineName(host, options.id);
  if (name === undefined) {
    host.log.verbose("No machine was prepared; nothing to clean up.");
    return "success";
  }
  requireRoot(host);
  host.log.setFields({ MACHINE: name });
  await destroyMachine(host, name);
  host.log.verbose(`Machine "${name}" is gone.`);
  return "success";
};
