/** The size of a tree. */

import type { Host } from "../host/host.ts";
import { WAITS } from "../host/waits.ts";

/** Bytes as `du` counts: data shared with other trees counts in each. */
export async function treeSize(host: Pick<Host, "processes">, tree: string): Promise<number> {
  const argv = ["du", "--summarize", "--block-size=1", "-x", tree];
  const listed = await host.processes.run(argv, { onCancel: "kill", wait: WAITS.copy });
  return Number.parseInt(listed.stdout, 10) || 0;
}
