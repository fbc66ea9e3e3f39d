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
  kind: "host" | "none" = "host",
) {
  const { host } = openComputer().start();
  const { files } = host;
  for (const path of ["/draft/root/etc", "/draft/work", "/etc"]) files.ensureDirectory(path, 0o755);
  files.remove("/etc/resolv.conf");
  files.writeText("/etc/resolv.conf", GIVEN);
  if (own?.startsWith("-> ")) files.link(own.slice(3), PATH);
  else if (own !== undefined) files.writeText(PATH, own, 0o640);
  const draft = { tree: "/draft/root", work: "/draft/work" };
  const kept: KeptResolvConf = keepResolvConf(host, draft);
  if (kind === "host") {
    files.remove(PATH);
    files.writeText(PATH, GIVEN);
  }
  work(files);
  kept.restore({ kind } satisfies NetworkPlan);
  const found = files.probe(PATH);
  if (found?.kind === "link") return `-> ${files.readLink(PATH)}`;
  return found && `${found.mode.toString(8)} ${files.readText(PATH)}`;
}

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
  expect(after("own\n", nothing, "none")).toBe("640 own\n");
});
