/** The host's network as the project uses it: routes to read, a firewall, links of machines. */
import { type CommandTable, failing, REFUSED } from "./fake-commands.ts";
import type { FakeDisk } from "./fake-disk.ts";

const ROUTES = [
  "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT",
  "eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0",
  "",
].join("\n");

/** What the project reads of the host's network. */
export function furnishNetwork(disk: FakeDisk): void {
  const file = (path: string, text: string): void => {
    disk.ensureDirectory(path.slice(0, path.lastIndexOf("/")), 0o755);
    disk.create("open", path, { kind: "file", mode: 0o644, text });
  };
  file("/proc/net/route", ROUTES);
  file("/proc/sys/net/ipv4/ip_forward", "1\n");
  file("/proc/sys/net/netfilter/nf_conntrack_max", "65536\n");
  file("/sys/class/net/eth0/mtu", "1400\n");
  file("/etc/resolv.conf", "nameserver 192.0.2.53\n");
}

/** The table is there once it was made; a link's ends die with the machine, so none is kept. */
export function networkCommands(): CommandTable {
  let made = false;
  return [
    [
      ["nft", "-f"],
      failing(({ refused }) => {
        if (refused) return REFUSED;
        made = true;
        return undefined;
      }),
    ],
    [
      ["nft", "list"],
      ({ refused }) =>
        refused || !made
          ? { exitCode: 1, stderr: "No such file" }
          : { exitCode: 0, stdout: "table\n" },
    ],
    [
      ["nft", "-t", "list"],
      ({ refused }) =>
        refused || !made
          ? { exitCode: 1, stderr: "No such file" }
          : { exitCode: 0, stdout: "table\n" },
    ],
    [["ip", "-batch"], ({ refused }) => (refused ? REFUSED : { exitCode: 0 })],
    [["nsenter"], ({ refused }) => (refused ? REFUSED : { exitCode: 0 })],
  ];
}
