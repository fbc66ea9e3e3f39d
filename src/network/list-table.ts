/** What the firewall's table of machines' networks is just now. */
import type { Host } from "../host/host.ts";
import { TABLE } from "./firewall-rules.ts";

/** Without what sets hold, which comes and goes. Nothing where there is no such table. */
export async function listTable(host: Pick<Host, "processes">): Promise<string | undefined> {
  const listed = await host.processes.run(["nft", "-t", "list", "table", ...TABLE]);
  return listed.exitCode === 0 ? listed.stdout : undefined;
}
