/** What a machine's network depends on, on this host. Looks, changes nothing, starts no process. */
import type { Host } from "../host/host.ts";
import { RunnerError } from "../text/errors.ts";
import { DOCKER_SOCKET } from "./firewall-rules.ts";
import { parseHostAddresses } from "./host-addresses.ts";
import { CONNECTION_TABLE_SIZE, FORWARDING_SWITCH, INTERFACES_DIRECTORY } from "./network-paths.ts";
import { type FirewallFacts, type HostNetworkFacts, MTU_DEFAULT } from "./network-plan.ts";
import type { NetworkRequest } from "./network-request.ts";
import { chooseResolvers, RESOLVER_FILES } from "./resolvers.ts";
import { findUplink, parseRoutes, type Route, requireFreeRange } from "./routes.ts";

/** Throws a system error that names what the host lacks, and the setting or package. */
export function probeHostNetwork(
  host: Pick<Host, "files" | "processes">,
  request: Extract<NetworkRequest, { kind: "private" }>,
): HostNetworkFacts {
  const { files } = host;
  const firewall = probeFirewall(host);
  requireFreeRange(readRoutes(host), request.range);
  const texts = RESOLVER_FILES.map((path) => readIfThere(host, path));
  return {
    ...firewall,
    request,
    resolvers: chooseResolvers(texts, request.resolvers),
    ipv6: files.probe("/proc/sys/net/ipv6") !== undefined,
    addresses: [...parseHostAddresses(readIfThere(host, "/proc/net/fib_trie")), request.range],
  };
}

/** As `probeHostNetwork`, but only of what the firewall's table depends on, and it asks for no setting. */
export function probeFirewall(host: Pick<Host, "files" | "processes">): FirewallFacts {
  requireTools(host);
  const { files } = host;
  const uplink = findUplink(readRoutes(host));
  return {
    uplink:
      uplink === undefined
        ? undefined
        : {
            name: uplink,
            // One that has just gone has none.
            mtu: Number(readIfThere(host, `${INTERFACES_DIRECTORY}/${uplink}/mtu`)) || MTU_DEFAULT,
          },
    forwards: files.readText(FORWARDING_SWITCH).trim() !== "0",
    docker: files.probe(DOCKER_SOCKET) !== undefined,
    connectionTableSize: Number(readIfThere(host, CONNECTION_TABLE_SIZE) || CONNECTIONS_DEFAULT),
  };
}

const readRoutes = (host: Pick<Host, "files">): Route[] =>
  parseRoutes(host.files.readText("/proc/net/route"));

/** Of a host that does not track any yet: the kernel's own choice is this or more from 1 GB on. */
const CONNECTIONS_DEFAULT = 65_536;

function readIfThere(host: Pick<Host, "files">, path: string): string {
  try {
    return host.files.readText(path);
  } catch {
    // Not there, or a link that leads nowhere: it says nothing.
    return "";
  }
}

const TOOLS = { nft: "nftables", ip: "iproute2" } as const;

function requireTools(host: Pick<Host, "processes">): void {
  for (const [command, name] of Object.entries(TOOLS)) {
    if (host.processes.which(command) !== undefined) continue;
    throw new RunnerError({
      kind: "system",
      message: `Cannot give a machine a network of its own: this host has no command "${command}".`,
      hints: [
        `Install the package "${name}", or set network and build_network to "host" in the configuration.`,
      ],
    });
  }
}
