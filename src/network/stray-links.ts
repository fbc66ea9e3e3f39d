/** Machines' interfaces that no machine has any more: of a namespace that outlived its machine. */
import type { Host } from "../host/host.ts";
import { INTERFACE_PREFIX, INTERFACES_DIRECTORY, PAIRS_DIRECTORY } from "./network-paths.ts";

/** An address pair is claimed before its interface is made, and let go of when its machine is dead. */
export function findStrayLinks(host: Pick<Host, "files" | "claims">): string[] {
  const links = host.files.list(INTERFACES_DIRECTORY);
  const claimed = new Set(host.claims.list(PAIRS_DIRECTORY).map(({ thing }) => thing));
  return links.filter((name) => name.startsWith(INTERFACE_PREFIX) && !claimed.has(name));
}

/** One that goes by itself meanwhile is fine. False when a machine has claimed that name since. */
export async function removeLink(
  host: Pick<Host, "files" | "claims" | "processes">,
  name: string,
): Promise<boolean> {
  if (!findStrayLinks(host).includes(name)) return false;
  try {
    await host.processes.exec(["ip", "link", "delete", name]);
  } catch (error) {
    if (host.files.probe(`${INTERFACES_DIRECTORY}/${name}`) !== undefined) throw error;
  }
  return true;
}
