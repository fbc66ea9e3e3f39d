import { expect, test } from "bun:test";
import { parseAddress, parseRange } from "../text/address.ts";
import { networkArguments, type PrivateNetworkFacts, planPrivateNetwork } from "./network-plan.ts";

const range = parseRange("10.213.0.0/16") ?? { first: 0, prefix: 0 };
const facts: PrivateNetworkFacts = {
  request: { kind: "private", range, resolvers: [], allow: [], deny: [], open: [] },
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
    "table inet nspawn_runner
    delete table inet nspawn_runner
    table inet nspawn_runner {
      chain from_machines {
        type filter hook prerouting priority mangle; policy accept;
        iifname != "nsr-*" accept
        meta nfproto ipv6 drop
        fib saddr . iif oif missing drop
        ct state established,related accept
        ip daddr { 192.0.2.53, 192.0.2.54 } meta l4proto { tcp, udp } th dport 53 accept
        fib daddr type { local, broadcast, anycast, multicast } reject with icmp type admin-prohibited
        ip daddr { 10.213.0.0/16, 169.254.0.0/16 } reject with icmp type admin-prohibited
      }
      chain to_machines {
        type filter hook forward priority filter; policy accept;
        oifname "nsr-*" ct state != { established, related } drop
      }
      chain to_outside {
        type nat hook postrouting priority srcnat; policy accept;
        ip saddr 10.213.0.0/16 oifname != "nsr-*" masquerade
      }
    }
    "
  `);
  expect(plan.firewall.dockerRules).toMatchInlineSnapshot(`
    "insert rule ip filter DOCKER-USER iifname "nsr-*" oifname "eth0" counter accept comment "nspawn-runner"
    insert rule ip filter DOCKER-USER oifname "nsr-*" ct state established,related counter accept comment "nspawn-runner"
    "
  `);
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
  expect(plan.firewall.dockerRules).toBeUndefined();
  expect(plan.firewall.switchForwarding).toBe(false);
});

test("Docker's chain is left alone where there is no uplink to let machines out by", () => {
  expect(planPrivateNetwork({ ...facts, uplink: undefined }).firewall.dockerRules).toBeUndefined();
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
