import { expect, test } from "bun:test";
import { parseAddress, parseRange } from "../text/address.ts";
import { networkArguments, type PrivateNetworkFacts, planPrivateNetwork } from "./network-plan.ts";

const range = parseRange("10.213.0.0/16") ?? { first: 0, prefix: 0 };
const facts: PrivateNetworkFacts = {
  request: { kind: "private", range, resolvers: [], allow: "everything", deny: [], open: [] },
  pair: {
    interface: "nsr-0ad50406",
    host: parseAddress("10.213.4.6") ?? 0,
    machine: parseAddress("10.213.4.7") ?? 0,
  },
  uplink: { name: "eth0", mtu: 1400 },
  resolvers: { servers: ["192.0.2.53", "192.0.2.54"], lines: ["search example.org"] },
  ipv6: true,
  forwards: false,
  docker: true,
  connectionTableSize: 262_144,
  addresses: [],
};

test("a network of its own", () => {
  const plan = planPrivateNetwork(facts);
  expect(plan.hostBatch).toMatchInlineSnapshot(`
    "link set dev nsr-0ad50406 addrgenmode none
    link set dev nsr-0ad50406 mtu 1400 up
    address add 10.213.4.6/31 dev nsr-0ad50406
    "
  `);
  expect(plan.machineBatch).toMatchInlineSnapshot(`
    "link set dev host0 addrgenmode none
    link set dev host0 mtu 1400 up
    address add 10.213.4.7/31 dev host0
    route add default via 10.213.4.6
    "
  `);
  expect(plan.resolvConf).toMatchInlineSnapshot(`
    "# Written by nspawn-runner.
    nameserver 192.0.2.53
    nameserver 192.0.2.54
    search example.org
    "
  `);
  expect(plan.firewall.table).toMatchInlineSnapshot(`
    "add table inet nspawn_runner
    add map inet nspawn_runner machines { type ifname : verdict; }
    add set inet nspawn_runner connections { type ifname; size 65535; flags dynamic; }
    add set inet nspawn_runner rates { type ifname; size 65535; flags dynamic,timeout; timeout 10m; }
    add set inet nspawn_runner told { type ifname; size 65535; flags dynamic,timeout; timeout 10m; }
    add set inet nspawn_runner refused { type ifname . ipv4_addr . inet_proto . inet_service; size 65535; flags dynamic,timeout; timeout 1d; }
    add set inet nspawn_runner crowded { type ifname; size 65535; flags dynamic,timeout; timeout 1d; }
    add chain inet nspawn_runner refuse
    flush chain inet nspawn_runner refuse
    add rule inet nspawn_runner refuse meta l4proto { tcp, udp } add @told { iifname limit rate 10/second burst 100 packets } update @refused { iifname . ip daddr . meta l4proto . th dport counter }
    add rule inet nspawn_runner refuse reject with icmp type admin-prohibited
    add chain inet nspawn_runner never
    flush chain inet nspawn_runner never
    add rule inet nspawn_runner never fib daddr type { local, broadcast, anycast, multicast } goto refuse
    add rule inet nspawn_runner never ip daddr { 169.254.0.0/16, 100.100.100.200, 168.63.129.16 } goto refuse
    add chain inet nspawn_runner from_machines { type filter hook prerouting priority mangle; policy accept; }
    flush chain inet nspawn_runner from_machines
    add rule inet nspawn_runner from_machines iifname != "nsr-*" accept
    add rule inet nspawn_runner from_machines meta nfproto ipv6 drop
    add rule inet nspawn_runner from_machines fib saddr . iif oif missing drop
    add rule inet nspawn_runner from_machines ct state established,related ct direction reply accept
    add rule inet nspawn_runner from_machines ct state established,related fib daddr type != { local, broadcast, anycast, multicast } ip daddr != { 169.254.0.0/16, 100.100.100.200, 168.63.129.16 } accept
    add rule inet nspawn_runner from_machines ct state != { established, related } add @rates { iifname limit rate over 273/second burst 8192 packets } update @crowded { iifname counter } drop
    add rule inet nspawn_runner from_machines ct state != { established, related } add @connections { iifname ct count over 8192 } update @crowded { iifname counter } reject with icmp type admin-prohibited
    add rule inet nspawn_runner from_machines iifname vmap @machines
    add rule inet nspawn_runner from_machines jump never
    add chain inet nspawn_runner to_machines { type filter hook forward priority filter; policy accept; }
    flush chain inet nspawn_runner to_machines
    add rule inet nspawn_runner to_machines iifname "nsr-*" oifname "nsr-*" goto refuse
    add rule inet nspawn_runner to_machines oifname "nsr-*" ct state != { established, related } drop
    add chain inet nspawn_runner from_host { type filter hook output priority filter; policy accept; }
    flush chain inet nspawn_runner from_host
    add rule inet nspawn_runner from_host oifname "nsr-*" ct state new tcp flags & (fin | syn | rst | ack) != syn drop
    add chain inet nspawn_runner to_outside { type nat hook postrouting priority srcnat; policy accept; }
    flush chain inet nspawn_runner to_outside
    add rule inet nspawn_runner to_outside iifname "nsr-*" oifname != "nsr-*" masquerade
    "
  `);
  expect(plan.firewall.dockerUplink).toBe("eth0");
  expect(plan.firewall.switchForwarding).toBe(true);
});

test("on a host without uplink, IPv6 and Docker, that forwards already", () => {
  const plan = planPrivateNetwork({
    ...facts,
    uplink: undefined,
    ipv6: false,
    docker: false,
    forwards: true,
  });
  expect(plan.hostBatch).toMatchInlineSnapshot(`
    "link set dev nsr-0ad50406 mtu 1500 up
    address add 10.213.4.6/31 dev nsr-0ad50406
    "
  `);
  expect(plan.firewall.dockerUplink).toBeUndefined();
  expect(plan.firewall.switchForwarding).toBe(false);
});

test("Docker's chain is left alone where there is no uplink to let machines out by", () => {
  expect(planPrivateNetwork({ ...facts, uplink: undefined }).firewall.dockerUplink).toBeUndefined();
});

test.each([
  ["the host's network", { kind: "host" }, ["--resolv-conf=replace-host"]],
  ["no network", { kind: "none" }, ["--private-network", "--resolv-conf=off"]],
  [
    "a network of its own",
    planPrivateNetwork(facts),
    ["--network-veth-extra=nsr-0ad50406:host0", "--resolv-conf=replace-host"],
  ],
] as const)("nspawn is told of %s", (_title, plan, words) => {
  expect(networkArguments(plan)).toEqual([...words]);
});
