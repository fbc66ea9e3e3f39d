/**
 * What a machine has on the host before it starts: its runtime directory, its clone, and the slice with
 * its limits.
 */
import type { Host } from "../host/host.ts";
import type { CloneStorage } from "../storage/storage.ts";
import type { MachinePlan } from "./machine-plan.ts";
import { startSlice } from "./machine-slice.ts";

/** What is half made when it throws is the caller's to `release`. */
export async function layOut(
  host: Host,
  plan: MachinePlan,
  storage: Pick<CloneStorage, "clone">,
): Promise<void> {
  const { files } = host;
  for (const { path, mode } of plan.directories) files.createDirectory(path, mode);
  for (const { path, text, mode } of plan.files) files.writeText(path, text, mode);
  for (const { path, mode, ownerId } of plan.fifos) files.makeFifo(path, { mode, ownerId });
  const { clone } = plan.facts;
  // Side by side. Both end before a failure of one is told: what is undone then is not made any more.
  const ends = await Promise.allSettled([
    startSlice(host, plan),
    clone.kind === "clone" ? storage.clone(host, clone) : undefined,
  ]);
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}
