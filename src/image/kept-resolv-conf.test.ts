/** What is left of a machine's resolvers in the tree that it worked in. */
import { expect, test } from "bun:test";
import { openComputer } from "../../test/fakes/fake-host.ts";
import type { NetworkPlan } from "../network/network-plan.ts";
import { type KeptResolvConf, keepResolvConf } from "./kept-resolv-conf.ts";

const PATH = "/draft/root/etc/resolv.conf";
const GIVEN = "nameserver 192.0.2.53\n";

/** The tree's file after a machine worked there, which nspawn gave a file of its own. */
function after(
  own: string | undefined,
  work: (files: Files) => void,
  network: NetworkPlan = { kind: "host" },
  hosts: string | undefined = GIVEN,
) {
  const { host } = openComputer().start();
  const { files } = host;
  for (const path of ["/draft/root/etc", "/draft/work", "/etc"]) files.ensureDirectory(path, 0o755);
  files.remove("/etc/resolv.conf");
  if (hosts !== undefined) files.writeText("/etc/resolv.conf", hosts);
  if (own?.startsWith("-> ")) files.link(own.slice(3), PATH);
  else if (own !== undefined) files.writeText(PATH, own, 0o640);
  const draft = { tree: "/draft/root" };
  const kept: KeptResolvConf = keepResolvConf(host, draft);
  const given = network.kind === "private" ? network.resolvConf : hosts;
  if (network.kind !== "none" && given !== undefined) {
    files.remove(PATH);
    files.writeText(PATH, given);
  }
  work(files);
  kept.restore(network);
  const found = files.probe(PATH);
  if (found?.kind === "link") return `-> ${files.readLink(PATH)}`;
  return found && `${found.mode.toString(8)} ${files.readText(PATH)}`;
}

const privateNetwork = (resolvConf: string): NetworkPlan => ({
  ...{ kind: "private", interface: "nsr-1", resolvConf, hostBatch: "", machineBatch: "" },
  firewall: { table: "", dockerUplink: undefined, switchForwarding: false },
  reach: {
    ...{ interface: "nsr-1", servers: [], hostAddresses: [] },
    request: { allow: "everything", deny: [], open: [] },
  },
});

type Files = ReturnType<ReturnType<typeof openComputer>["start"]>["host"]["files"];
const nothing = (): void => {};

test.each([
  ["its own", "own\n", "640 own\n"],
  ["a link", "-> ../run/resolv.conf", "-> ../run/resolv.conf"],
  ["nothing", undefined, undefined],
])("%s comes back", (_what, own, expected) => {
  expect(after(own, nothing)).toBe(expected);
});

test("what somebody has put there stays", () => {
  const rewrite = (files: Files): void => files.writeText(PATH, "nameserver 192.0.2.99\n");
  expect(after("own\n", rewrite)).toBe("644 nameserver 192.0.2.99\n");
  const link = (files: Files): void => {
    files.remove(PATH);
    files.link("/elsewhere", PATH);
  };
  expect(after("own\n", link)).toBe("-> /elsewhere");
  expect(after("own\n", (files) => files.remove(PATH))).toBeUndefined();
});

test("nothing is put back where nothing was given", () => {
  expect(after("own\n", nothing, { kind: "none" })).toBe("640 own\n");
  // A host without resolvers of its own has none to give.
  expect(after("own\n", nothing, { kind: "host" }, undefined)).toBe("640 own\n");
});

test("what the host has by the end of it is not what it gave", () => {
  const change = (files: Files): void => files.writeText("/etc/resolv.conf", "nameserver ::1\n");
  expect(after("own\n", change)).toBe("640 own\n");
  expect(after("own\n", (files) => files.remove("/etc/resolv.conf"))).toBe("640 own\n");
});

test("what a machine with a network of its own was given goes as well", () => {
  const network = privateNetwork("nameserver 10.213.0.1\n");
  expect(after("own\n", nothing, network)).toBe("640 own\n");
  expect(after("-> ../run/resolv.conf", nothing, network)).toBe("-> ../run/resolv.conf");
});
