/** The units that bring images up to date every night, and those that tidy up every minute. */
import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { busybox, openDeclared } from "./declare.ts";
import { cleanUpAfterEach, command, later, must, openRunner } from "./harness.ts";

cleanUpAfterEach();

const PACKAGING = "/src/packaging";
const UNITS = "/run/systemd/system";
const place = { kind: "btrfs", root: "/fs/btrfs/root" } as const;

test("are valid, and nothing in them is unknown", async () => {
  const units = readdirSync(PACKAGING).filter((name) => /\.(service|timer|slice)$/.test(name));
  expect(units).toContain("nspawn-runner.timer");
  const paths = units.map((name) => `${PACKAGING}/${name}`);
  expect(await command("systemd-analyze", "verify", ...paths)).toMatchObject({
    code: 0,
    stderr: "",
  });
});

test("build what is due, in a slice of little weight, and then have nothing to do", async () => {
  const { runner, declare, generations } = openDeclared(place);
  declare("nightly", { create: busybox(place), test: "exec sleep 2" });
  mkdirSync(`${UNITS}/nspawn-runner.service.d`, { recursive: true });
  writeFileSync(
    `${UNITS}/nspawn-runner.service.d/test.conf`,
    `[Service]\nEnvironment=NSPAWN_RUNNER_CONFIG=${runner.environment.NSPAWN_RUNNER_CONFIG}\n`,
  );
  const copies = readdirSync(PACKAGING).filter((name) => /\.(service|timer|slice)$/.test(name));
  later(async () => {
    await command("systemctl", "stop", "nspawn-runner.timer", "nspawn-runner.service");
    await command(
      "bash",
      "-c",
      `rm -rf ${UNITS}/nspawn-runner.* ${UNITS}/nspawn_runner-build.slice`,
    );
    await command("systemctl", "daemon-reload");
  });
  await must("cp", ...copies.map((name) => `${PACKAGING}/${name}`), UNITS);
  await must("systemctl", "daemon-reload");
  await must("systemctl", "start", "nspawn-runner.timer");
  const next = await must("systemctl", "list-timers", "--no-legend", "nspawn-runner.timer");
  expect(next).toContain("nspawn-runner.service");
  // The timer would start this at night.
  const running = must("systemctl", "start", "nspawn-runner.service");
  const found = await must(
    ...["bash", "-c"],
    "until unit=$(systemctl list-units --no-legend --plain --state=running 'nspawn-runner-build*.service' | cut -d' ' -f1) && [ -n \"$unit\" ]; do :; done; systemctl show -P Slice \"$unit\"",
  );
  expect(found).toStartWith("nspawn_runner-build-");
  expect(await must("systemctl", "show", "-P", "CPUWeight", "nspawn_runner-build.slice")).toBe(
    "20\n",
  );
  await running;
  expect(await generations("nightly")).toHaveLength(1);
  await must("systemctl", "start", "nspawn-runner.service");
  expect(await generations("nightly")).toHaveLength(1);
});

test("tidy up every minute: a firewall that was flushed is closed again, and the journal is quiet", async () => {
  const runner = openRunner(place, 'network = "private"\n');
  const machine = await runner.machine("nosystemd");
  const units = ["nspawn-runner-gc.service", "nspawn-runner-gc.timer"];
  later(async () => {
    await command("systemctl", "stop", "nspawn-runner-gc.timer");
    await command("bash", "-c", `rm -rf ${UNITS}/nspawn-runner-gc.*`);
    await command("systemctl", "daemon-reload");
  });
  mkdirSync(`${UNITS}/nspawn-runner-gc.service.d`, { recursive: true });
  writeFileSync(
    `${UNITS}/nspawn-runner-gc.service.d/test.conf`,
    `[Service]\nEnvironment=NSPAWN_RUNNER_CONFIG=${runner.environment.NSPAWN_RUNNER_CONFIG}\n`,
  );
  await must("cp", ...units.map((name) => `${PACKAGING}/${name}`), UNITS);
  await must("systemctl", "daemon-reload");
  await must("nft", "flush", "ruleset");
  const startedAt = Math.floor(Date.now() / 1000);
  // The host booted more than ten seconds ago: it begins at once.
  await must("systemctl", "start", "nspawn-runner-gc.timer");
  const closed = "until nft list table inet nspawn_runner >/dev/null 2>&1; do :; done";
  await must("timeout", "20", "bash", "-c", closed);
  const idle =
    'until [ "$(systemctl show -P ActiveState nspawn-runner-gc.service)" = inactive ]; do :; done';
  await must("timeout", "20", "bash", "-c", idle);
  const next = await must("systemctl", "show", "-P", "NextElapseUSecMonotonic", units[1] ?? "");
  const uptime = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]);
  expect(toSeconds(next) - uptime).toBeLessThanOrEqual(60);
  await command("journalctl", "--sync");
  const said = [
    "journalctl",
    "--quiet",
    `--since=@${startedAt}`,
    "--unit=nspawn-runner-gc.service",
  ];
  expect(await must(...said)).toBe("");
  expect((await machine.run("echo lives")).stdout).toBe("lives\n");
});

test("leave alone what is being built", async () => {
  const { runner, declare, generations } = openDeclared(place);
  declare("slow", { create: busybox(place), test: "exec sleep 2" });
  const building = runner.start("chroot-maintenance", "slow");
  let ended = false;
  const built = building.ended.finally(() => {
    ended = true;
  });
  while (!ended) {
    const { code, stderr } = await runner.call("gc");
    // One of its machines may just have ended, and then gc has seen it off as well.
    expect(code).toBe(0);
    expect(stderr).not.toContain("Cannot");
  }
  expect(await built).toMatchObject({ code: 0 });
  expect(await generations("slow")).toHaveLength(1);
});

/** systemd.time(7), as systemctl prints spans: "1h 2min 3.4s". */
function toSeconds(span: string): number {
  const units: Readonly<Record<string, number>> = { d: 86_400, h: 3600, min: 60, s: 1, ms: 0.001 };
  const parts = [...span.matchAll(/([0-9.]+)(d|h|min|ms|s)\b/g)];
  return parts.reduce((sum, [, count, unit = ""]) => sum + Number(count) * (units[unit] ?? 0), 0);
}
