/** The host's network namespace: links, addresses, routes, rules, firewall, connections. */
import { ask, linesOf, type Things, tally, textIfThere } from "./things.ts";

export function seeLinks(): Things {
  // "2: eth0@if3: <BROADCAST,UP> mtu 1500 …\    link/ether …"
  return tally(
    linesOf(ask("ip", "-oneline", "link", "show")).map((line) => line.split(": ")[1] ?? line),
  );
}

export function seeAddresses(): Things {
  return tally(
    linesOf(ask("ip", "-oneline", "address", "show")).map((line) => {
      const [, link, family, address] = line.split(/\s+/);
      return `${family} ${address} on ${link}`;
    }),
  );
}

export function seeRoutes(): Things {
  return tally(
    ["-4", "-6"].flatMap((family) =>
      linesOf(ask("ip", family, "route", "show", "table", "all")).map((line) =>
        // An address by router advertisement has a time that runs.
        line.replace(/ expires \d+sec/, "").trim(),
      ),
    ),
  );
}

export function seeRoutingRules(): Things {
  return tally(["-4", "-6"].flatMap((family) => linesOf(ask("ip", family, "rule", "show"))));
}

/** Neighbours that are kept for ever; the others come and go with traffic. */
export function seeNeighbours(): Things {
  const listed = linesOf(ask("ip", "neighbour", "show", "nud", "permanent"));
  return tally(listed.map((line) => line.trim()));
}

/** Tables, chains, sets and rules, each as its JSON without handles, counters and elements. */
export function seeFirewall(): Things {
  const { nftables }: { nftables: object[] } = JSON.parse(
    ask("nft", "--terse", "--json", "list", "ruleset"),
  );
  const seen = nftables
    .filter((one) => !("metainfo" in one))
    .map((one) =>
      JSON.stringify(one, (key, value) =>
        key === "handle" || key === "packets" || key === "bytes" ? undefined : value,
      ),
    );
  return tally(seen);
}

/** Connections that the kernel tracks, from or to private addresses: those of machines. */
export function seeConnections(): Things {
  const tracked = linesOf(textIfThere("/proc/net/nf_conntrack") ?? "");
  return tally(
    tracked.flatMap((line) => {
      const [from] = /src=10\.\S+/.exec(line) ?? [];
      const [to] = /dst=\S+/.exec(line) ?? [];
      const [zone = "zone=0"] = /zone=\d+/.exec(line) ?? [];
      return from === undefined ? [] : [`${line.split(/\s+/)[2]} ${from} ${to} ${zone}`];
    }),
  );
}
