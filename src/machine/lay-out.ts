/** What a machine has on the host's disks before it starts: its runtime directory, and its clone. */
import type { Host } from "../host/host.ts";
import type { CloneStorage } from "../storage/storage.ts";
import type { MachinePlan } from "./machine-plan.ts";

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
  if (plan.facts.clone.kind === "clone") await storage.clone(host, plan.facts.clone);
}
