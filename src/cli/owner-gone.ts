/** `internal-owner-gone PID TICKS`: what a watching unit ends with. */
import { endMachinesOf } from "../machine/owner-watch.ts";
import { RunnerError } from "../text/errors.ts";
import type { Action } from "./context.ts";

export const ownerGoneAction: Action<[string, string]> = async ({ host }, pid, ticks) => {
  const owner = { pid: Number(pid), startTicks: Number(ticks) };
  if (Number.isNaN(owner.pid) || Number.isNaN(owner.startTicks)) {
    throw new RunnerError({ kind: "usage", message: "That is not a process and its start." });
  }
  await endMachinesOf(host, owner);
  return "success";
};
