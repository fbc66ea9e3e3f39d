import { describe, expect, test } from "bun:test";
import { formatRange } from "../text/address.ts";
import { limitConnections, sharedPart } from "./firewall-rules.ts";
import { parseHostAddresses } from "./host-addresses.ts";
import {
  chainsIn,
  formatMachineRules,
  formatNames,
  formatRemoval,
  learnNames,
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
const HOST = parseHostAddresses(`
     |-- 203.0.113.5
        /32 host LOCAL
     |-- 10.0.0.1
        /32 host LOCAL
     |-- 10.0.0.255
        /32 link BROADCAST
     |-- 172.16.0.0
        /24 host LOCAL
     |-- 10.0.0.0
        /24 link UNICAST
`);
const plan = (
  lists: Partial<Record<"allow" | "deny" | "open", string[]>>,
  servers = ["192.0.2.53"],
): MachineRules | undefined =>
  planMachineRules({
    interface: "nsr-0ad50406",
    request: {
      allow: lists.allow === undefined ? "everything" : targets(...lists.allow),
      deny: targets(...(lists.deny ?? [])),
      open: targets(...(lists.open ?? [])),
    },
    servers,
    lookup: (name) => NAMES[name] ?? [],
    nowMs: 0,
    hostAddresses: HOST,
  });

test.each([
  ["nothing is asked for", {}, undefined, false],
  ["GitLab is elsewhere", { open: ["registry.test:443"] }, undefined, false],
  ["GitLab is on this host", { open: ["gitlab.test:443"] }, undefined, true],
  ["a network that GitLab is in is opened", { open: ["203.0.113.0/24:443"] }, undefined, true],
  ["all is opened", { open: ["0.0.0.0/0"] }, undefined, true],
  [
    "an address of a whole range of the host's is opened",
    { open: ["172.16.0.9"] },
    undefined,
    true,
  ],
  ["what is opened holds a metadata service", { open: ["169.254.0.0/16"] }, undefined, true],
  ["a broadcast address is opened", { open: ["10.0.0.255:9"] }, undefined, true],
  ["a network beside the host is opened", { open: ["198.51.100.0/24"] }, undefined, false],
  ["nobody knows yet where GitLab is", { open: ["unknown.test:443"] }, undefined, true],
  ["nothing is allowed", { allow: [] }, undefined, true],
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
  expect(rules && formatMachineRules(rules, 60_000)).toMatchInlineSnapshot(`
    "add chain inet nspawn_runner nsr-0ad50406
    flush chain inet nspawn_runner nsr-0ad50406
    add set inet nspawn_runner nsr-0ad50406-0 { type ipv4_addr; size 4096; flags timeout; }
    flush set inet nspawn_runner nsr-0ad50406-0
    add element inet nspawn_runner nsr-0ad50406-0 { 203.0.113.5 timeout 540s }
    delete element inet nspawn_runner nsr-0ad50406-0 { 203.0.113.5 }
    add element inet nspawn_runner nsr-0ad50406-0 { 203.0.113.5 timeout 540s }
    add set inet nspawn_runner nsr-0ad50406-2 { type ipv4_addr; size 4096; flags timeout; }
    flush set inet nspawn_runner nsr-0ad50406-2
    add element inet nspawn_runner nsr-0ad50406-2 { 198.51.100.1 timeout 540s }
    delete element inet nspawn_runner nsr-0ad50406-2 { 198.51.100.1 }
    add element inet nspawn_runner nsr-0ad50406-2 { 198.51.100.1 timeout 540s }
    add element inet nspawn_runner nsr-0ad50406-2 { 198.51.100.2 timeout 540s }
    delete element inet nspawn_runner nsr-0ad50406-2 { 198.51.100.2 }
    add element inet nspawn_runner nsr-0ad50406-2 { 198.51.100.2 timeout 540s }
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

/** The rules of a machine that denies one name and allows another, after a name has moved. */
const learnt = (nowMs: number) => {
  const rules = plan({ deny: ["gitlab.test"], allow: ["registry.test:443"] });
  return rules && learnNames(rules, () => ["192.0.2.1", "127.0.0.1"], nowMs);
};

test("names are added to: for good where they are denied, for a while where they are allowed", () => {
  const rules = learnt(500_000);
  expect(rules && formatNames(rules, 560_000)).toMatchInlineSnapshot(`
    "add element inet nspawn_runner nsr-0ad50406-0 { 203.0.113.5 }
    add element inet nspawn_runner nsr-0ad50406-0 { 192.0.2.1 }
    add element inet nspawn_runner nsr-0ad50406-1 { 198.51.100.1 timeout 40s }
    delete element inet nspawn_runner nsr-0ad50406-1 { 198.51.100.1 }
    add element inet nspawn_runner nsr-0ad50406-1 { 198.51.100.1 timeout 40s }
    add element inet nspawn_runner nsr-0ad50406-1 { 198.51.100.2 timeout 40s }
    delete element inet nspawn_runner nsr-0ad50406-1 { 198.51.100.2 }
    add element inet nspawn_runner nsr-0ad50406-1 { 198.51.100.2 timeout 40s }
    add element inet nspawn_runner nsr-0ad50406-1 { 192.0.2.1 timeout 540s }
    delete element inet nspawn_runner nsr-0ad50406-1 { 192.0.2.1 }
    add element inet nspawn_runner nsr-0ad50406-1 { 192.0.2.1 timeout 540s }
    "
  `);
});

test("a table that is made again has what names were until then, for as long as it would have", () => {
  const elements = (nowMs: number): string[] => {
    const rules = learnt(500_000);
    const text = rules === undefined ? "" : formatMachineRules(rules, nowMs);
    const added = Array.from(text.matchAll(/^add element \S+ \S+ (\S+) \{ (\S+) (.*)\}$/gm));
    return [...new Set(added.map(([, set, address, timeout]) => `${set} ${address} ${timeout}`))];
  };
  expect(elements(510_000)).toMatchInlineSnapshot(`
    [
      "nsr-0ad50406-0 203.0.113.5 ",
      "nsr-0ad50406-0 192.0.2.1 ",
      "nsr-0ad50406-1 198.51.100.1 timeout 90s ",
      "nsr-0ad50406-1 198.51.100.2 timeout 90s ",
      "nsr-0ad50406-1 192.0.2.1 timeout 590s ",
      "machines "nsr-0ad50406" : jump nsr-0ad50406 ",
    ]
  `);
  expect(elements(700_000)).toMatchInlineSnapshot(`
    [
      "nsr-0ad50406-0 203.0.113.5 ",
      "nsr-0ad50406-0 192.0.2.1 ",
      "nsr-0ad50406-1 192.0.2.1 timeout 400s ",
      "machines "nsr-0ad50406" : jump nsr-0ad50406 ",
    ]
  `);
});

test("what is forgotten of a name is what it was too long ago, and never what it is denied by", () => {
  const rules = learnt(700_000);
  expect(rules?.places.map(({ addresses }) => addresses)).toEqual([
    ["203.0.113.5", "192.0.2.1"],
    ["192.0.2.1"],
  ]);
});

describe("what is removed", () => {
  const listed = (...blocks: string[]): string =>
    `table inet nspawn_runner {\n${blocks.map((block) => `\t${block} {\n\t}\n`).join("\n")}}\n`;

  test("is all that the table has of the interface, and nothing of another's", () => {
    const text = listed(
      ...["set nsr-0ad50406-0", "set nsr-0ad50406-12", "set nsr-0ad50408-0"],
      ...["chain nsr-0ad50406", "chain nsr-0ad50408", "chain refuse"],
    );
    expect(formatRemoval("nsr-0ad50406", text)).toMatchInlineSnapshot(`
      "add chain inet nspawn_runner nsr-0ad50406
      flush chain inet nspawn_runner nsr-0ad50406
      add element inet nspawn_runner machines { "nsr-0ad50406" : jump nsr-0ad50406 }
      delete element inet nspawn_runner machines { "nsr-0ad50406" }
      delete chain inet nspawn_runner nsr-0ad50406
      add set inet nspawn_runner nsr-0ad50406-0 { type ipv4_addr; size 4096; flags timeout; }
      delete set inet nspawn_runner nsr-0ad50406-0
      add set inet nspawn_runner nsr-0ad50406-12 { type ipv4_addr; size 4096; flags timeout; }
      delete set inet nspawn_runner nsr-0ad50406-12
      "
    `);
    expect(chainsIn(text)).toEqual(["nsr-0ad50406", "nsr-0ad50408"]);
  });

  test("is nothing where there is nothing", () => {
    expect(formatRemoval("nsr-0ad50406", listed("chain nsr-0ad50408"))).toBe("");
    expect(formatRemoval("nsr-0ad50406", "")).toBe("");
  });
});

test("where nothing is allowed, what is opened is reached and nothing else", () => {
  const rules = plan({ open: ["gitlab.test:443"], allow: [] });
  const text = rules === undefined ? "" : formatMachineRules(rules, 0);
  expect(text.split("\n").filter((line) => line.startsWith("add rule"))).toMatchInlineSnapshot(`
    [
      "add rule inet nspawn_runner nsr-0ad50406 ip daddr { 192.0.2.53 } meta l4proto { tcp, udp } th dport 53 accept",
      "add rule inet nspawn_runner nsr-0ad50406 ip daddr @nsr-0ad50406-0 meta l4proto { tcp, udp } th dport 443 accept",
      "add rule inet nspawn_runner nsr-0ad50406 jump never",
      "add rule inet nspawn_runner nsr-0ad50406 goto refuse",
    ]
  `);
});

test("an address of loopback is none of a name's", () => {
  const rules = plan({ open: ["loop.test"], deny: ["192.0.2.0/24"] });
  expect(rules && formatMachineRules(rules, 0)).not.toContain("127.");
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
  expect(parseHostAddresses(text).map(formatRange)).toEqual([
    "10.0.2.100/32",
    "10.0.2.255/32",
    "127.0.0.1/32",
  ]);
});
