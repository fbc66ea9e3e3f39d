import { expect, test } from "bun:test";
import { chooseResolvers, formatResolvConf } from "./resolvers.ts";

const STUB = "# stub\nnameserver 127.0.0.53\noptions edns0 trust-ad\nsearch example.org\n";
const UPSTREAM = "nameserver 192.0.2.1\nnameserver 192.0.2.2\nsearch example.net\n";

test.each([
  ["the host's own", [UPSTREAM, "", ""], [], ["192.0.2.1", "192.0.2.2"]],
  ["what a local resolver asks", [STUB, UPSTREAM, ""], [], ["192.0.2.1", "192.0.2.2"]],
  [
    "what another local resolver asks, not what systemd-resolved has left",
    ["nameserver 127.0.0.1\n", "nameserver 192.0.2.9\n", UPSTREAM],
    [],
    ["192.0.2.1", "192.0.2.2"],
  ],
  [
    "what resolved knows, where nothing is said",
    ["", UPSTREAM, ""],
    [],
    ["192.0.2.1", "192.0.2.2"],
  ],
  ["what NetworkManager knows", [STUB, "", UPSTREAM], [], ["192.0.2.1", "192.0.2.2"]],
  ["those that are set", [UPSTREAM, "", ""], ["198.51.100.1"], ["198.51.100.1"]],
  ["those that are set, once", [UPSTREAM], ["198.51.100.1", "198.51.100.1"], ["198.51.100.1"]],
  [
    "only IPv4, nothing of loopback, each once, three at most",
    [
      "nameserver ::1\nnameserver 127.1.2.3\nnameserver 0.0.0.0\nnameserver fe80::1%eth0\n nameserver\t192.0.2.1\nnameserver 192.0.2.1\nnameserver 192.0.2.2 # x\nnameserver 192.0.2.3\nnameserver 192.0.2.4\n#nameserver 192.0.2.5\n",
    ],
    [],
    ["192.0.2.1", "192.0.2.2", "192.0.2.3"],
  ],
])("%s", (_title, texts, given, servers) => {
  expect(chooseResolvers(texts, given).servers).toEqual(servers);
});

test("what names are completed with is the host's, whoever resolves them", () => {
  expect(formatResolvConf(chooseResolvers([STUB, UPSTREAM], []))).toBe(
    "# Written by nspawn-runner.\nnameserver 192.0.2.1\nnameserver 192.0.2.2\noptions edns0 trust-ad\nsearch example.org\n",
  );
});

test("without one that machines can reach, the setting is named", () => {
  expect(() => chooseResolvers(["nameserver 127.0.0.1\nnameserver 2001:db8::1\n"], [])).toThrow(
    "The host has no name server that a machine with a network of its own can reach.",
  );
});
