import { expect, test } from "bun:test";
import { limitConnections, sharedPart } from "./firewall-rules.ts";
import { parseHostAddresses } from "./host-addresses.ts";
import {
  formatMachineRules,
  formatNames,
  formatRemoval,
  type MachineRules,
  planMachineRules,
} from "./machine-rules.ts";
import { parseNetworkTarget } from "./network-target.ts";

const targets = (...texts: string[]) => texts.flatMap((text) => parseNetworkTarget(text) ?? []);
const NAMES: Readonly<Record<string, readonly string[]>> = {
  "registry.test": ["198.51.100.1", "198.51.100.2"],
  "gitlab.test": ["203.0.113.5"],
  "loop.test": ["127.0.0.1"],
};
const plan = (
  lists: Partial<Record<"allow" | "deny" | "open", string[]>>,
  servers = ["192.0.2.53"],
): MachineRules | undefined =>
  planMachineRules({
    interface: "nsr-0ad50406",
    request: {
      allow: targets(...(lists.allow ?? [])),
      deny: targets(...(lists.deny ?? [])),
      open: targets(...(lists.open ?? [])),
    },
    servers,
    lookup: (name) => NAMES[name] ?? [],
    hostAddresses: new Set(["203.0.113.5", "10.0.0.1"]),
  });

test.each([
  ["nothing is asked for", {}, undefined, false],
  ["GitLab is elsewhere", { open: ["registry.test:443"] }, undefined, false],
  ["GitLab is on this host", { open: ["gitlab.test:443"] }, undefined, true],
  ["a place is denied", { deny: ["192.0.2.0/24"] }, undefined, true],
  ["few places are allowed", { allow: ["registry.test"] }, undefined, true],
  ["its name server is on this host", {}, ["10.0.0.1"], true],
  ["its name server is a metadata service", {}, ["169.254.169.254"], true],
])("where %s, a machine has rules of its own: or none", (_title, lists, servers, has) => {
  expect(plan(lists, servers) !== undefined).toBe(has);
});

test("what is opened comes before what is denied, and that before what is allowed", () => {
  const rules = plan({
    open: ["gitlab.test:443"],
    deny: ["10.0.0.0/8"],
    allow: ["registry.test:443", "192.0.2.7"],
  });
  expect(rules && formatMachineRules(rules)).toMatchInlineSnapshot(`
    "add chain inet nspawn_runner nsr-0ad50406
    flush chain inet nspawn_runner nsr-0ad50406
    add set inet nspawn_runner nsr-0ad50406-0 { type ipv4_addr; size 4096; flags timeout; }
    flush set inet nspawn_runner nsr-0ad50406-0
    add element inet nspawn_runner nsr-0ad50406-0 { 203.0.113.5 timeout 10m }
    delete element inet nspawn_runner nsr-0ad50406-0 { 203.0.113.5 }
    add element inet nspawn_runner nsr-0ad50406-0 { 203.0.113.5 timeout 10m }
    add set inet nspawn_runner nsr-0ad50406-2 { type ipv4_addr; size 4096; flags timeout; }
    flush set inet nspawn_runner nsr-0ad50406-2
    add element inet nspawn_runner nsr-0ad50406-2 { 198.51.100.1 timeout 10m }
    delete element inet nspawn_runner nsr-0ad50406-2 { 198.51.100.1 }
    add element inet nspawn_runner nsr-0ad50406-2 { 198.51.100.1 timeout 10m }
    add element inet nspawn_runner nsr-0ad50406-2 { 198.51.100.2 timeout 10m }
    delete element inet nspawn_runner nsr-0ad50406-2 { 198.51.100.2 }
    add element inet nspawn_runner nsr-0ad50406-2 { 198.51.100.2 timeout 10m }
    add rule inet nspawn_runner nsr-0ad50406 ip daddr { 192.0.2.53 } meta l4proto { tcp, udp } th dport 53 accept
    add rule inet nspawn_runner nsr-0ad50406 ip daddr @nsr-0ad50406-0 meta l4proto { tcp, udp } th dport 443 accept
    add rule inet nspawn_runner nsr-0ad50406 ip daddr { 10.0.0.0/8 } goto refuse
    add rule inet nspawn_runner nsr-0ad50406 jump never
    add rule inet nspawn_runner nsr-0ad50406 ip daddr @nsr-0ad50406-2 meta l4proto { tcp, udp } th dport 443 accept
    add rule inet nspawn_runner nsr-0ad50406 ip daddr { 192.0.2.7 } accept
    add rule inet nspawn_runner nsr-0ad50406 goto refuse
    add element inet nspawn_runner machines { "nsr-0ad50406" : jump nsr-0ad50406 }
    "
  `);
});

test("names are added to: for good where they are denied, for a while where they are allowed", () => {
  const rules = plan({ deny: ["gitlab.test"], allow: ["registry.test:443"] });
  expect(rules && formatNames(rules, () => ["192.0.2.1", "127.0.0.1"])).toMatchInlineSnapshot(`
    "add element inet nspawn_runner nsr-0ad50406-0 { 192.0.2.1 }
    add element inet nspawn_runner nsr-0ad50406-1 { 192.0.2.1 timeout 10m }
    delete element inet nspawn_runner nsr-0ad50406-1 { 192.0.2.1 }
    add element inet nspawn_runner nsr-0ad50406-1 { 192.0.2.1 timeout 10m }
    "
  `);
});

test("what is removed is all that was made", () => {
  const rules = plan({ allow: ["registry.test:443"] });
  expect(rules && formatRemoval(rules).split("\n").slice(-4)).toMatchInlineSnapshot(`
    [
      "delete element inet nspawn_runner machines { "nsr-0ad50406" }",
      "delete chain inet nspawn_runner nsr-0ad50406",
      "delete set inet nspawn_runner nsr-0ad50406-0",
      "",
    ]
  `);
});

test("an address of loopback is none of a name's", () => {
  const rules = plan({ open: ["loop.test"], deny: ["192.0.2.0/24"] });
  expect(rules && formatMachineRules(rules)).not.toContain("127.");
});

test("the shared part of the table is the same whatever machines there are", () => {
  const shared =
    "table inet nspawn_runner {\n\tmap machines {\n\t\ttype ifname : verdict\n\t}\n}\n";
  const own =
    "\n\tset nsr-0ad50406-0 {\n\t\ttype ipv4_addr\n\t}\n\n\tchain nsr-0ad50406 {\n\t\taccept\n\t}\n}\n";
  expect(sharedPart(shared.replace(/\n}\n$/, `\n${own}`))).toBe(sharedPart(shared));
  expect(sharedPart(shared)).toContain("map machines");
});

test.each([
  [262_144, 8192, 273],
  [65_536, 4096, 68],
  [16, 16, 1],
])("of a table of %p connections one machine takes a quarter at most", (size, count, perSecond) => {
  expect(limitConnections(size)).toEqual({ count, perSecond });
});

test("the host's own addresses are read as the kernel writes them", () => {
  const text = `Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 10.0.2.0
        /24 link UNICAST
Local:
     |-- 10.0.2.100
        /32 host LOCAL
     |-- 10.0.2.255
        /32 link BROADCAST
     |-- 127.0.0.1
        /32 host LOCAL
`;
  expect([...parseHostAddresses(text)]).toEqual(["10.0.2.100", "127.0.0.1"]);
});
