/** `internal-relieve-disk ROOT`: what a unit calls that has found the disk short. */
import { relieveDisk } from "../machine/relieve-disk.ts";
import type { Action } from "./context.ts";

export const relieveDiskAction: Action<[string]> = async ({ host }, root) =>
  (await relieveDisk(host, root)) ? "success" : "script-failed";
