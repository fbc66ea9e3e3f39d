/** Machines resolve names behind whatever the host resolves them with: its own daemons are the real ones. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import {
  cleanUpAfterEach,
  command,
  later,
  openRunner,
  type Place,
  start,
  uniqueName,
} from "./harness.ts";
import { hostAddress, serveNames } from "./name-server.ts";

const PLACE: Place = { kind: "btrfs", root: "/fs/btrfs/root" };
const RESOLV_CONF = "/etc/resolv.conf";
const KEPT = [RESOLV_CONF, "/etc/nsswitch.conf"].map((path) => [path, readFileSync(path)] as const);
const UPSTREAM = "192.0.2.53";
const NAMES = new Map([["build.corp.test", "192.0.2.77"]]);

async function must(...argv: string[]): Promise<string> {
  const ended = await command(...argv);
  if (ended.code !== 0) throw new Error(`${argv.join(" ")}: ${ended.stderr}`);
  return ended.stdout;
}

function restore(): void {
  for (const [path, bytes] of KEPT) {
    rmSync(path, { force: true });
    writeFileSync(path, bytes);
  }
}

/** For the time of a test. */
function useResolvConf(text: string): void {
  later(restore);
  rmSync(RESOLV_CONF);
  writeFileSync(RESOLV_CONF, text);
}

beforeAll(async () => {
  await must("apt-get", "-qq", "update");
  const install = "DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends";
  await must("bash", "-c", `${install} systemd-resolved dnsmasq-base >/dev/null`);
  await must("systemctl", "stop", "systemd-resolved.service");
  restore();
}, 120_000);
afterAll(async () => {
  await command("bash", "-c", "apt-get -qq purge systemd-resolved dnsmasq-base >/dev/null");
  restore();
}, 60_000);
cleanUpAfterEach();

const resolve = "getent hosts build | tr -s ' '; getent hosts build.corp.test | tr -s ' '";
const RESOLVED = "192.0.2.77 build.corp.test\n".repeat(2);

test("behind systemd-resolved's stub, with its search domains", async () => {
  await serveNames(UPSTREAM, NAMES);
  const settings = "/run/systemd/resolved.conf.d";
  later(() => rmSync(settings, { recursive: true }));
  await must("mkdir", "-p", settings);
  const lines = ["[Resolve]", `DNS=${UPSTREAM}`, "Domains=corp.test", "DNSSEC=no", "LLMNR=no", ""];
  writeFileSync(`${settings}/lab.conf`, lines.join("\n"));
  later(() => must("systemctl", "stop", "systemd-resolved.service"));
  await must("systemctl", "start", "systemd-resolved.service");
  useResolvConf("");
  rmSync(RESOLV_CONF);
  symlinkSync("/run/systemd/resolve/stub-resolv.conf", RESOLV_CONF);
  expect(readFileSync(RESOLV_CONF, "utf8")).toContain("nameserver 127.0.0.53");

  const machine = await openRunner(PLACE).machine("nosystemd");
  expect((await machine.run("grep ^nameserver /etc/resolv.conf")).stdout).toBe(
    `nameserver ${UPSTREAM}\n`,
  );
  expect((await machine.run(resolve)).stdout).toBe(RESOLVED);
});

async function startDnsmasq(address: string): Promise<void> {
  const server = start([
    ...["dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--bind-interfaces"],
    ...["--conf-file=/dev/null", "--pid-file=", "--user=root", "--log-facility=-"],
    ...[`--server=${UPSTREAM}`, `--listen-address=${address}`, "--except-interface=nsr-*"],
  ]);
  later(async () => {
    server.kill("SIGTERM");
    await server.ended;
  });
  const asks = `until getent ahostsv4 build.corp.test >/dev/null; do :; done`;
  await must("timeout", "20", "bash", "-c", asks);
}

test("behind a dnsmasq on an address of the host", async () => {
  await serveNames(UPSTREAM, NAMES);
  await hostAddress("192.0.2.54");
  useResolvConf("nameserver 192.0.2.54\nsearch corp.test\n");
  await startDnsmasq("192.0.2.54");
  const machine = await openRunner(PLACE).machine("nosystemd");
  expect((await machine.run(resolve)).stdout).toBe(RESOLVED);
});

test("a dnsmasq on loopback alone is told of, with the setting that helps", async () => {
  await serveNames(UPSTREAM, NAMES);
  useResolvConf("nameserver 127.0.0.1\nsearch corp.test\n");
  await startDnsmasq("127.0.0.1");
  const name = uniqueName();
  const plain = openRunner(PLACE);
  later(() => plain.call("cleanup", "--id", name));
  const refused = await plain.call("prepare", "--id", name, "nosystemd");
  expect(refused).toMatchObject({ code: 2 });
  expect(refused.stderr).toContain("no name server that a machine");
  expect(refused.stderr).toContain("Set network_resolvers");
  const helped = openRunner(PLACE, `network_resolvers = ["${UPSTREAM}"]\n`);
  expect((await (await helped.machine("nosystemd")).run(resolve)).stdout).toBe(RESOLVED);
});
