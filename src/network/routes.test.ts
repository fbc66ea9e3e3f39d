import { expect, test } from "bun:test";
import { formatRange, parseRange } from "../text/address.ts";
import { findUplink, parseRoutes, requireFreeRange } from "./routes.ts";

// Of a host with two uplinks, a VPN, and a machine.
const TEXT = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
wlan0	00000000	0101A8C0	0003	0	0	600	00000000	0	0	0
eth0	00000000	010200C0	0003	0	0	100	00000000	0	0	0
eth0	000200C0	00000000	0001	0	0	100	00FFFFFF	0	0	0
tun0	00000000	00000000	0001	0	0	50	00000080	0	0	0
tun0	0000140A	00000000	0001	0	0	50	0000FFFF	0	0	0
nsr-0ad50406	0604D50A	00000000	0001	0	0	0	FEFFFFFF	0	0	0
*	00000000	00000000	0200	0	0	7	00000000	0	0	0
*	0000000A	00000000	0200	0	0	0	000000FF	0	0	0
`;
const routes = parseRoutes(TEXT);
const range = (text: string) => parseRange(text) ?? { first: 0, prefix: 0 };

test("routes are read as the kernel writes them", () => {
  expect(routes.map((route) => `${route.interface} ${formatRange(route.destination)}`)).toEqual([
    "wlan0 0.0.0.0/0",
    "eth0 0.0.0.0/0",
    "eth0 192.0.2.0/24",
    "tun0 0.0.0.0/1",
    "tun0 10.20.0.0/16",
    "nsr-0ad50406 10.213.4.6/31",
    "undefined 0.0.0.0/0",
    "undefined 10.0.0.0/8",
  ]);
  expect(parseRoutes("")).toEqual([]);
});

test("the uplink is the default route that the kernel prefers", () => {
  expect(findUplink(routes)).toBe("eth0");
  expect(findUplink([])).toBeUndefined();
  expect(findUplink(routes.filter((route) => route.interface === undefined))).toBeUndefined();
});

test.each(["10.213.0.0/16", "10.21.0.0/16", "192.0.3.0/24"])("%p is free", (text) => {
  requireFreeRange(routes, range(text));
});

test.each([
  ["10.20.0.0/16", "10.20.0.0/16"],
  ["10.20.4.0/24", "10.20.0.0/16"],
  ["10.0.0.0/8", "10.20.0.0/16"],
  ["192.0.2.128/25", "192.0.2.0/24"],
])("%p is in use by the route to %p", (text, by) => {
  expect(() => requireFreeRange(routes, range(text))).toThrow(
    `The range of machines' addresses, ${text}, is in use on this host: it has a route to ${by}`,
  );
});
