/** The size of a tree. */
import type { Host } from "../host/host.ts";

/** Bytes as `du` counts: data shared with other trees counts in each. */
export async function treeSize(host: Pick<Host, "processes">, tree: string): Promise<number> {
  const listed = await host.processes.run(["du", "--summarize", "--block-size=1", "-x", tree]);
  return Number.parseInt(listed.stdout, 10) || 0;
}
