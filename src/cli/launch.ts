/** `internal-launch MACHINE`: the `ExecStart=` of a machine. */
import { launchMachine } from "../machine/launch.ts";
import { parseMachineName } from "../text/names.ts";
import type { Action } from "./context.ts";

export const launchAction: Action<[string]> = async ({ host }, text) =>
  launchMachine(host, parseMachineName(text));
