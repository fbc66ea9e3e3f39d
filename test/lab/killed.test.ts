/** The driver killed (SIGKILL) at each step of prepare; whatever comes next, nothing is left. */
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import {
  cleanUpAfterEach,
  command,
  expectNothingLeft,
  later,
  openRunner,
  PLACES,
  type Runner,
  uniqueName,
  unitOf,
} from "./harness.ts";

cleanUpAfterEach();

/** Alone: the commands that it has started run on, as after an out-of-memory kill. */
async function killPrepare(
  runner: Runner,
  name: string,
  moment: (alive: () => boolean) => Promise<unknown>,
): Promise<void> {
  const preparing = runner.start("prepare", "--id", name, "trixie");
  let alive = true;
  const ended = preparing.ended.finally(() => {
    alive = false;
  });
  await moment(() => alive);
  preparing.kill("SIGKILL");
  await ended;
}

/** What comes next, and is to leave nothing. */
const AFTERWARDS = {
  cleanup: (runner: Runner, name: string) => runner.call("cleanup", "--id", name),
  "prepare again, then cleanup": async (runner: Runner, name: string) => {
    expect(await runner.call("prepare", "--id", name, "trixie")).toMatchObject({ code: 0 });
    await runner.call("cleanup", "--id", name);
  },
  // The unit, where there is one, has come to its end.
  "the unit's end and gc": async (runner: Runner, name: string) => {
    await command("systemctl", "stop", unitOf(name));
    await runner.call("gc");
  },
} as const;

const LEFT_MS = 10_000;

/**
 * A command that the dead driver had started may do its work only now; its unit then ends itself.
 * The kernel tells nobody when the orphans of another are gone.
 */
async function awaitNothingLeft(runner: Runner, name: string, again: () => Promise<unknown>) {
  for (const until = performance.now() + LEFT_MS; ; ) {
    try {
      expectNothingLeft(runner.place, name);
      return;
    } catch (error) {
      if (performance.now() > until) throw error;
      await again();
    }
  }
}

const kinds = ["btrfs", "overlay"];

describe.each(PLACES.filter(({ kind }) => kinds.includes(kind)))("prepare on $kind", (place) => {
  const runner = openRunner(place);
  const paths = (name: string): Readonly<Record<string, string>> => ({
    "its runtime directory": `/run/nspawn-runner/machines/${name}`,
    "its state": `/run/nspawn-runner/machines/${name}/state.json`,
    "its FIFOs": `/run/nspawn-runner/machines/${name}/control/ready`,
    "its clone's directory": `${place.root}/.machines/${name}`,
    "its clone": `${place.root}/.machines/${name}/root`,
    "its unit": `/run/systemd/transient/${unitOf(name)}`,
  });

  describe.each(Object.entries(AFTERWARDS))("and then %s", (_title, afterwards) => {
    test.each(Object.keys(paths("x")))("killed at the sight of %s", async (what) => {
      const name = uniqueName();
      later(() => runner.call("cleanup", "--id", name));
      const path = paths(name)[what] ?? "";
      await killPrepare(runner, name, async (alive) => {
        while (alive() && !existsSync(path)) await new Promise(setImmediate);
      });
      await afterwards(runner, name);
      await awaitNothingLeft(runner, name, () => afterwards(runner, name));
    });
  });

  test("killed after any time", async () => {
    const whole = uniqueName();
    later(() => runner.call("cleanup", "--id", whole));
    const span = (await runner.call("prepare", "--id", whole, "trixie")).ms;
    const steps = 12;
    const ways = Object.values(AFTERWARDS);
    for (let step = 0; step < steps; step += 1) {
      const name = uniqueName();
      later(() => runner.call("cleanup", "--id", name));
      await killPrepare(runner, name, () => Bun.sleep((span * step) / steps));
      const afterwards = ways[step % ways.length] ?? AFTERWARDS.cleanup;
      await afterwards(runner, name);
      await awaitNothingLeft(runner, name, () => afterwards(runner, name));
    }
  });
});
