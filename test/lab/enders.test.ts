/** Several who end a machine at once, and calls that are themselves ended: one clean end, whoever comes first. */
import { describe, expect, test } from "bun:test";
import {
  cleanUpAfterEach,
  command,
  expectNothingLeft,
  later,
  openRunner,
  PLACES,
  scriptFile,
  uniqueName,
  unitOf,
} from "./harness.ts";

cleanUpAfterEach();

const kinds = ["btrfs", "overlay"];

describe.each(PLACES.filter(({ kind }) => kinds.includes(kind)))("on $kind", (place) => {
  const runner = openRunner(place, 'network = "private"\n');

  test("eight cleanups, two gc and systemd at once end one machine, and harm no other", async () => {
    const machine = await runner.machine("trixie");
    const other = await runner.machine("nosystemd");
    // systemd's word, when the machine is gone before it is asked, is its own.
    const stopping = command("systemctl", "stop", unitOf(machine.name));
    const ended = await Promise.all([
      ...Array.from({ length: 8 }, () => runner.call("cleanup", "--id", machine.name)),
      ...Array.from({ length: 2 }, () => runner.call("gc")),
    ]);
    await stopping;
    for (const { code, stderr } of ended) {
      expect({ code, stderr }).toEqual({ code: 0, stderr: expect.not.stringMatching(/WARN|ERR/) });
    }
    expectNothingLeft(place, machine.name);
    expect((await other.run("echo lives")).stdout).toBe("lives\n");
  });

  test("a cleanup at any moment of prepare ends it, and nothing is left", async () => {
    const whole = uniqueName();
    later(() => runner.call("cleanup", "--id", whole));
    const span = (await runner.call("prepare", "--id", whole, "nosystemd")).ms;
    for (const part of [0.1, 0.3, 0.5, 0.7, 0.9]) {
      const name = uniqueName();
      later(() => runner.call("cleanup", "--id", name));
      const preparing = runner.start("prepare", "--id", name, "nosystemd");
      await Bun.sleep(span * part);
      expect(await runner.call("cleanup", "--id", name)).toMatchObject({ code: 0 });
      const { code, stderr } = await preparing.ended;
      expect([0, 2]).toContain(code);
      expect(stderr).not.toContain("Fault");
      // One that came through before it was cleaned up, or after: the machine is there whole, or not.
      if (code === 0) await runner.call("cleanup", "--id", name);
      expectNothingLeft(place, name);
    }
  });

  test.each([
    [
      "TERM in its first moments",
      async (signal: (name: NodeJS.Signals) => void) => signal("SIGTERM"),
    ],
    [
      "TERM twice",
      async (signal: (name: NodeJS.Signals) => void) => {
        await Bun.sleep(50);
        signal("SIGTERM");
        signal("SIGTERM");
      },
    ],
    [
      "STOP, TERM and CONT",
      async (signal: (name: NodeJS.Signals) => void) => {
        await Bun.sleep(50);
        signal("SIGSTOP");
        await Bun.sleep(500);
        signal("SIGTERM");
        signal("SIGCONT");
      },
    ],
  ])("prepare that gets %s leaves nothing", async (_title, act) => {
    const name = uniqueName();
    later(() => runner.call("cleanup", "--id", name));
    const preparing = runner.start("prepare", "--id", name, "trixie");
    await act((signal) => preparing.kill(signal));
    const { code, stderr } = await preparing.ended;
    // Before it has asked for its signals, the kernel's own answer is as good.
    expect([2, 128 + 15]).toContain(code);
    expect(stderr).not.toContain("Fault");
    expectNothingLeft(place, name);
  });

  test("run that is stopped for a while misses nothing", async () => {
    const machine = await runner.machine("nosystemd");
    const path = scriptFile("echo going; seq 1 200000; exit 7");
    const running = runner.start("run", "--id", machine.name, path);
    await running.awaitOutput("going");
    running.kill("SIGSTOP");
    await Bun.sleep(2000);
    running.kill("SIGCONT");
    const { code, stdout } = await running.ended;
    expect(code).toBe(1);
    expect(stdout.split("\n").length).toBe(200_002);
  });
});
