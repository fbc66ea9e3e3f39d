/** Which name servers a machine with a network of its own gets, and its resolv.conf. Pure. */

import { isLoopback, parseAddress } from "../text/address.ts";
import { RunnerError } from "../text/errors.ts";

const OF_RESOLVED = "/run/systemd/resolve/resolv.conf";
/**
 * Files that may hold the host's resolvers, the best first. The later ones hold what a local
 * resolver of the first forwards to: systemd-resolved(8), and NetworkManager with dnsmasq.
 */
export const RESOLVER_FILES: readonly string[] = [
  "/etc/resolv.conf",
  OF_RESOLVED,
  "/run/NetworkManager/no-stub-resolv.conf",
];

export interface Resolvers {
  /** IPv4 addresses that a machine can reach. */
  readonly servers: readonly string[];
  /** Lines for `search` and `options`, as the host has them. */
  readonly lines: readonly string[];
}

/** resolv.conf(5): more are ignored by the C library. */
const SERVERS_MAX = 3;

/**
 * The given servers, else those of the first file that names one which is not the host's loopback.
 * `texts` are the files of RESOLVER_FILES, where they exist. Throws a system error when there is
 * none: a machine that resolves nothing fails later, and says less.
 */
export function chooseResolvers(texts: readonly string[], given: readonly string[]): Resolvers {
  const lines = settingLines(texts[0] ?? "");
  if (given.length > 0) return { servers: [...new Set(given)], lines };
  for (const [index, text] of texts.entries()) {
    if (RESOLVER_FILES[index] === OF_RESOLVED && namesAnother(texts[0] ?? "")) continue;
    const servers = reachableServers(text);
    if (servers.length > 0) return { servers: servers.slice(0, SERVERS_MAX), lines };
  }
  throw new RunnerError({
    kind: "system",
    message: "The host has no name server that a machine with a network of its own can reach.",
    hints: [
      'Set network_resolvers in the configuration, such as network_resolvers = ["192.0.2.53"].',
      "Those on 127.0.0.0/8 are the host's alone; IPv6 is not there in machines.",
    ],
  });
}

export function formatResolvConf({ servers, lines }: Resolvers): string {
  return [
    "# Written by nspawn-runner.",
    ...servers.map((server) => `nameserver ${server}`),
    ...lines,
  ]
    .map((line) => `${line}\n`)
    .join("");
}

/**
 * Whether a local resolver is there that is not systemd-resolved (127.0.0.53 and .54): what that has left
 * behind when it was stopped is nobody's.
 */
function namesAnother(text: string): boolean {
  const servers = serversOf(text);
  return servers.length > 0 && !servers.some((word) => /^127\.0\.0\.5[34]$/.test(word));
}

const serversOf = (text: string): string[] =>
  Array.from(text.matchAll(/^[ \t]*nameserver[ \t]+(\S+)/gm), ([, word = ""]) => word);

function reachableServers(text: string): string[] {
  return [...new Set(serversOf(text))].filter((word) => {
    const address = parseAddress(word);
    return address !== undefined && address !== 0 && !isLoopback(address);
  });
}

function settingLines(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => /^(search|domain|options)[ \t]/.test(line));
}
