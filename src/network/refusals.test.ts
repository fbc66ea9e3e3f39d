import { expect, test } from "bun:test";
import { formatCrowding, formatRefusals, parseCrowding, parseRefusals } from "./refusals.ts";

// As nftables 1.1.3 lists it.
const LISTED = `table inet nspawn_runner {
	set refused {
		type ifname . ipv4_addr . inet_proto . inet_service
		size 65535
		flags dynamic,timeout
		timeout 1d
		elements = { "nsr-0ad59c16" . 169.254.7.7 . tcp . 80 counter packets 1 bytes 60 expires 23h59m46s80ms,
			     "nsr-0ad59c18" . 10.213.5.231 . 17 . 53 counter packets 3 bytes 60 expires 23h59m46s28ms }
	}
}
`;

test("what one machine was refused is told, by the name where it has one", () => {
  const refusals = parseRefusals(LISTED, "nsr-0ad59c16");
  expect(refusals).toEqual([
    { address: "169.254.7.7", protocol: "tcp", port: 80, packets: 1, ageMs: 13_920 },
  ]);
  // As nftables 1.0.6 has it.
  expect(parseRefusals(LISTED, "nsr-0ad59c18")[0]?.protocol).toBe("udp");
  expect(formatRefusals(refusals, undefined)).toEqual([
    "Refused by this host's network rules: 169.254.7.7 port 80/tcp, 1 packet.",
  ]);
  const places = [{ list: "deny" as const, name: "a.test", addresses: ["169.254.7.7"] }];
  const rules = { interface: "nsr-0ad59c16", only: false, servers: [], places };
  expect(formatRefusals(refusals, rules)[0]).toContain("a.test (169.254.7.7) port 80/tcp");
});

test("of many the first are told", () => {
  const one = { address: "192.0.2.1", protocol: "tcp", packets: 2, ageMs: 0 };
  const many = Array.from({ length: 13 }, (_, index) => ({ ...one, port: index + 1 }));
  const [told] = formatRefusals(many, undefined);
  expect(told).toStartWith("Refused by this host's network rules (26 packets to 13 places): ");
  expect(told).toEndWith("port 10/tcp, 2 packets, and 3 more.");
  expect(formatRefusals([], undefined)).toEqual([]);
});

test("connections beyond a machine's share are told", () => {
  const listed = `elements = { "nsr-0ad59c16" counter packets 7 bytes 420 expires 23h59m59s,
			     "nsr-0ad59c18" expires 23h59m59s counter packets 1 bytes 60 }`;
  expect(parseCrowding(listed, "nsr-0ad59c16")).toEqual([{ packets: 7, ageMs: 1000 }]);
  expect(parseCrowding(listed, "nsr-0ad59c18")).toEqual([{ packets: 1, ageMs: 1000 }]);
  expect(parseCrowding(listed, "nsr-0ad59c1a")).toEqual([]);
  expect(formatCrowding({ packets: 7, ageMs: 0 })).toBe(
    "This machine had more connections at a time than its share of the host's, or began them too fast: 7 packets of new ones did not get through.",
  );
});
