/** The host changes under a job that runs: the job goes on, and the next one comes up. */
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { rootDirectory } from "../../src/host/cgroups.ts";
import { machineUnits } from "../../src/machine/machine-units.ts";
import { parseMachineName } from "../../src/text/names.ts";
import { cleanUpAfterEach, command, later, type Machine, openRunner, PLACES } from "./harness.ts";

cleanUpAfterEach();

const [place = { kind: "btrfs", root: "/fs/btrfs/root" } as const] = PLACES;
const runner = openRunner(place, 'network = "private"\n');

/** A script that runs until it is let go on. */
async function startScript(machine: Machine) {
  const script = machine.start("echo going; until [ -e /go-on ]; do sleep 0.05; done; echo whole");
  await script.awaitOutput("going");
  return {
    finish: async () => {
      expect(await machine.run("touch /go-on")).toMatchObject({ code: 0, stderr: "" });
      expect(await script.ended).toMatchObject({ code: 0, stdout: "going\nwhole\n", stderr: "" });
    },
  };
}

describe("a job goes on, and the next one comes up,", () => {
  test.each([
    ["systemd reads its units anew", "systemctl daemon-reload"],
    ["systemd executes itself anew", "systemctl daemon-reexec"],
    ["D-Bus is restarted", "systemctl restart dbus.service"],
    ["the journal is restarted", "systemctl restart systemd-journald.service"],
    ["the journal is killed", "systemctl kill --signal=KILL systemd-journald.service"],
    ["machined is restarted", "systemctl restart systemd-machined.service"],
    ["machined hangs", "systemctl kill --signal=STOP systemd-machined.service"],
  ])("when %s", async (_title, change) => {
    later(() => command("systemctl", "kill", "--signal=KILL", "systemd-machined.service"));
    if (change.includes("machined")) await command("systemctl", "start", "systemd-machined");
    const machine = await runner.machine("nosystemd");
    const script = await startScript(machine);
    expect(await command("sh", "-c", change)).toMatchObject({ code: 0 });
    const next = await runner.machine("trixie");
    expect((await next.run("echo next")).stdout).toBe("next\n");
    await script.finish();
  });
});

describe("a machine that stands still", () => {
  // As on a host without processor time or disk: nothing in it moves for a while.
  const freeze = (machine: Machine, on: boolean): void => {
    const root = rootDirectory(readFileSync("/proc/1/cgroup", "utf8"));
    const { cgroup } = machineUnits(parseMachineName(machine.name));
    writeFileSync(`${root}/${cgroup}/payload/cgroup.freeze`, on ? "1" : "0");
  };
  const STILL_MS = 4000;

  test("under a script is waited for", async () => {
    const machine = await runner.machine("trixie");
    const script = await startScript(machine);
    freeze(machine, true);
    await Bun.sleep(STILL_MS);
    freeze(machine, false);
    await script.finish();
  });

  test("before a script is waited for", async () => {
    const machine = await runner.machine("trixie");
    freeze(machine, true);
    const script = machine.start("echo whole");
    await Bun.sleep(STILL_MS);
    freeze(machine, false);
    expect(await script.ended).toMatchObject({ code: 0, stdout: "whole\n", stderr: "" });
  });

  test("is cleaned up all the same", async () => {
    const machine = await runner.machine("trixie");
    freeze(machine, true);
    expect(await runner.call("cleanup", "--id", machine.name)).toMatchObject({ code: 0 });
  });
});

test("a host that goes down takes eight machines along within ten seconds", async () => {
  const machines = await Promise.all(
    Array.from({ length: 8 }, (_, index) =>
      runner.machine(index % 2 === 0 ? "trixie" : "nosystemd"),
    ),
  );
  const scripts = machines.map((machine) => machine.start("sleep 300"));
  // What systemd does with them at shutdown: their slice is stopped with all that is in it.
  const stopped = await command("systemctl", "stop", "nspawn_runner.slice");
  expect(stopped).toMatchObject({ code: 0, stderr: "" });
  expect(stopped.ms).toBeLessThan(10_000);
  for (const script of scripts) {
    const ended = await script.ended;
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain("is gone");
  }
  const clones = `${place.root}/.machines`;
  expect(existsSync(clones) ? readdirSync(clones) : []).toEqual([]);
  expect(readdirSync("/run/nspawn-runner/id-ranges")).toEqual([]);
  expect(readdirSync("/run/nspawn-runner/address-pairs")).toEqual([]);
});
