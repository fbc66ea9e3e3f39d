/** Names of places, looked up by the host for its machines. */
import type { Host } from "../host/host.ts";
import type { Lookup } from "./machine-rules.ts";

/** All at once; a name that cannot be looked up has no address. */
export async function lookUpAll(
  host: Pick<Host, "names">,
  asked: { readonly names: readonly string[]; readonly servers: readonly string[] },
): Promise<Lookup> {
  const found = await Promise.all(
    [...new Set(asked.names)].map(
      async (name) => [name, await host.names.lookUp(name, asked.servers)] as const,
    ),
  );
  const addresses = new Map(found);
  return (name) => addresses.get(name) ?? [];
}
