/** Looks up names, by the name servers that it is told. Over the network, as a resolver does. */

export interface Names {
  /**
   * The IPv4 addresses that a name has now. Nothing when it has none, or nobody answers in time:
   * that is for the caller to judge.
   */
  lookUp(name: string, servers: readonly string[]): Promise<readonly string[]>;
}

/** As long as a client waits for one server (resolv.conf(5) has 5 s), with a second try. */
const TRY_MS = 1500;
const TRIES = 2;

export function openNames(): Names {
  return {
    lookUp: async (name, servers) => {
      // Loaded here: few calls look up anything.
      const { Resolver } = await import("node:dns/promises");
      const resolver = new Resolver({ timeout: TRY_MS, tries: TRIES });
      resolver.setServers(servers);
      try {
        return await resolver.resolve4(name);
      } catch {
        return [];
      }
    },
  };
}
