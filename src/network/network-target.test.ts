import { expect, test } from "bun:test";
import { formatNetworkTarget, parseNetworkTarget } from "./network-target.ts";

test.each([
  ["192.0.2.1", "192.0.2.1"],
  ["192.0.2.1/32", "192.0.2.1"],
  ["192.0.2.0/24:443", "192.0.2.0/24:443"],
  ["Registry.Example.COM:5000", "registry.example.com:5000"],
  ["example.com.", "example.com"],
  ["_sip.example.com", "_sip.example.com"],
])("%s is %s", (text, formatted) => {
  const target = parseNetworkTarget(text);
  expect(target && formatNetworkTarget(target)).toBe(formatted);
});

test.each([
  "",
  ":443",
  "192.0.2.1/24",
  "192.0.2.256",
  "192.0.2",
  "example.com:0",
  "example.com:65536",
  "example.com:443:1",
  "https://example.com",
  "a..b",
  "-a.test",
  "a b.test",
  "::1",
  `${"a".repeat(64)}.test`,
])("%p is none", (text) => {
  expect(parseNetworkTarget(text)).toBeUndefined();
});
