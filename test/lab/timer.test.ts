/** The units that bring images up to date every night. */
import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { busybox, openDeclared } from "./declare.ts";
import { cleanUpAfterEach, command, later } from "./harness.ts";

cleanUpAfterEach();

const PACKAGING = "/src/packaging";
const UNITS = "/run/systemd/system";
const place = { kind: "btrfs", root: "/fs/btrfs/root" } as const;

const must = async (...argv: string[]): Promise<string> => {
  const { code, stdout, stderr } = await command(...argv);
  if (code !== 0) throw new Error(`${argv.join(" ")}: ${stderr}${stdout}`);
  return stdout;
};

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
