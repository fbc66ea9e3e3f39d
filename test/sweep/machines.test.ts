/** Whatever fails in the life of a machine, and whenever: nothing is left. */
import { describe, expect, test } from "bun:test";
import { outcomeOf } from "../../src/job/exit-codes.ts";
import { holdPreparing } from "../../src/machine/preparing.ts";
import { discardedPlace } from "../../src/storage/trash.ts";
import { RunnerError } from "../../src/text/errors.ts";
import { formatError } from "../../src/text/format-error.ts";
import { parseMachineName } from "../../src/text/names.ts";
import type { CommandTable } from "../fakes/fake-commands.ts";
import { EXT4 } from "../fakes/fake-disk.ts";
import { type FakeComputer, OWN } from "../fakes/fake-host.ts";
import {
  cleanup,
  collectLater,
  emptyTrash,
  expectNothingLeft,
  gc,
  inventory,
  MACHINE,
  openPlace,
  type Place,
  prepare,
  prepareAnother,
  ROOT,
  release,
  run,
  sweep,
  trash,
  UNIT,
} from "./sweep.ts";

const PLACES: readonly Place[] = [
  { kind: "btrfs", image: "tree" },
  { kind: "btrfs", image: "generations" },
  { kind: "btrfs", image: "tree", network: "private" },
  { kind: "reflink", image: "tree" },
  { kind: "overlay", image: "tree" },
  { kind: "tmpfs", image: "generations" },
];

/** A driver that was killed may have left a unit that lives; it ends when its time is over. */
async function endOfLife(computer: FakeComputer): Promise<void> {
  await computer.systemd.end(UNIT, "timeout");
}

describe.each([...PLACES])("on $kind, of an image that is a $image, network $network", (place) => {
  const before = inventory(openPlace(place));
  const withMachine = async () => {
    const computer = openPlace(place);
    await run(computer, prepare);
    expect([...computer.systemd.units.keys()]).toEqual([UNIT]);
    return computer;
  };

  test.each(["refused", "done"] as const)("prepare with an effect %s", async (how) => {
    const effects = await sweep(how, {
      open: () => openPlace(place),
      act: prepare,
      after: async (computer, end) => {
        // At once, by prepare itself: nobody else need come.
        if (end === "failed") expectNothingLeft(computer, before);
        await run(computer, cleanup);
        expectNothingLeft(computer, before);
      },
    });
    expect(effects).toBeGreaterThan(20);
  });

  test.each([
    ["cleanup", (computer: FakeComputer) => run(computer, cleanup)],
    [
      "the end of the unit, and gc",
      async (computer: FakeComputer) => {
        await endOfLife(computer);
        await collectLater(computer);
      },
    ],
    [
      "prepare again, and cleanup",
      async (computer: FakeComputer) => {
        await run(computer, prepare);
        await run(computer, cleanup);
      },
    ],
  ])("prepare killed before any effect, then %s", async (_title, then) => {
    await sweep("killed", {
      open: () => openPlace(place),
      act: prepare,
      after: async (computer) => {
        await then(computer);
        expectNothingLeft(computer, before);
      },
    });
  });

  test.each(["refused", "done", "killed"] as const)("cleanup with an effect %s", async (how) => {
    for (const then of [cleanup, undefined]) {
      await sweep(how, {
        open: withMachine,
        act: cleanup,
        after: async (computer) => {
          if (then !== undefined) await run(computer, then);
          else {
            await endOfLife(computer);
            await collectLater(computer);
          }
          expectNothingLeft(computer, before);
        },
      });
    }
  });

  test.each(["refused", "done", "killed"] as const)("the unit's own release, %s", async (how) => {
    await sweep(how, {
      open: async () => {
        const computer = await withMachine();
        computer.systemd.units.clear();
        return computer;
      },
      act: release,
      after: async (computer) => {
        await collectLater(computer);
        expectNothingLeft(computer, before);
      },
    });
  });
});

describe("a runner that ends", () => {
  const place: Place = { kind: "btrfs", image: "tree" };
  const RUNNER = 9;
  /** Every process of ours was started by a GitLab Runner. */
  const withRunner = () => {
    const computer = openPlace(place);
    const runner = { id: RUNNER, command: "gitlab-runner", parent: 1, startTicks: 900 };
    computer.processes.set(RUNNER, runner);
    const own = computer.processes.get(OWN);
    if (own !== undefined) computer.processes.set(OWN, { ...own, parent: RUNNER });
    return computer;
  };
  const before = inventory(openPlace(place));

  test("takes its machines along, and nobody else's", async () => {
    const computer = withRunner();
    await run(computer, prepare);
    await run(computer, prepareAnother);
    expect(computer.systemd.watchers.size).toBe(1);
    await computer.endProcess(RUNNER);
    expect(computer.systemd.watchers.size).toBe(0);
    expectNothingLeft(computer, before);

    computer.processes.delete(OWN);
    await run(computer, prepare);
    expect([...computer.systemd.units.keys()]).toEqual([UNIT]);
    expect(computer.systemd.watchers.size).toBe(0);
  });

  test.each(["killed", "refused", "done"] as const)("a prepare with an effect %s", async (how) => {
    await sweep(how, {
      open: withRunner,
      act: prepare,
      after: async (computer) => {
        await computer.endProcess(RUNNER);
        expectNothingLeft(computer, before);
        expect(computer.disk.describe("/run/nspawn-runner/preparing").slice(1)).toEqual([]);
      },
    });
  });

  test("a cleanup that is killed at any effect", async () => {
    await sweep("killed", {
      open: async () => {
        const computer = withRunner();
        await run(computer, prepare);
        return computer;
      },
      act: cleanup,
      after: async (computer) => {
        await computer.endProcess(RUNNER);
        expectNothingLeft(computer, before);
        expect(trash(computer)).toEqual([]);
      },
    });
  });

  test("while a machine boots, and nobody heard of it: prepare itself gives up", async () => {
    const computer = withRunner();
    const process = computer.start();
    const { fifos } = process.host;
    const openLines: typeof fifos.openLines = (path) => {
      computer.processes.delete(RUNNER);
      return fifos.openLines(path);
    };
    const host = { ...process.host, fifos: { ...fifos, openLines } };
    await expect(prepare({ ...process, host })).rejects.toThrow(
      `Machine "${MACHINE}" is not wanted any more: process 9, whose it was to be, is gone.`,
    );
    expectNothingLeft(computer, before);
  });
});

describe("the trash", () => {
  const place: Place = { kind: "btrfs", image: "tree" };
  /** A tree with a subvolume in it, read-only and with another inside, and no deleter yet. */
  const withTrash = (): FakeComputer => {
    const computer = openPlace(place);
    const { disk } = computer;
    const tree = discardedPlace(ROOT, "job-17-abcdef-12345678");
    disk.ensureDirectory(tree, 0o700);
    for (const path of ["root", "root/var", "root/var/inner"]) {
      if (path === "root/var") disk.ensureDirectory(`${tree}/${path}`, 0o755);
      else disk.createSubvolume(`${tree}/${path}`);
    }
    disk.ensureDirectory(`${tree}/root/var/inner/directory`, 0o755);
    disk.directoryAt("open", `${tree}/root/var/inner`).volume.readOnly = true;
    return computer;
  };

  test.each(["refused", "done", "killed"] as const)(
    "its deleter with an effect %s",
    async (how) => {
      const effects = await sweep(how, {
        open: withTrash,
        act: emptyTrash,
        after: async (computer) => {
          await collectLater(computer);
          expectNothingLeft(computer, inventory(openPlace(place)));
        },
      });
      expect(effects).toBeGreaterThan(5);
    },
  );

  test("a deleter that finds another at work leaves it to that one", async () => {
    const computer = withTrash();
    const { host } = computer.start();
    using _other = host.files.lock(`${ROOT}/.trash.lock`, { mode: "exclusive" });
    await run(computer, emptyTrash);
    expect(trash(computer)).not.toEqual([]);
  });
});

describe("what a dead machine left", () => {
  const place: Place = { kind: "btrfs", image: "tree" };
  const before = inventory(openPlace(place));
  /** Its unit has ended, and its `ExecStopPost=` has not run. */
  const withDead = async () => {
    const computer = openPlace(place);
    await run(computer, prepare);
    computer.systemd.units.clear();
    return computer;
  };

  test.each(["refused", "done", "killed"] as const)("gc with an effect %s", async (how) => {
    await sweep(how, {
      open: withDead,
      act: gc,
      after: async (computer) => {
        await collectLater(computer);
        expectNothingLeft(computer, before);
      },
    });
  });

  test("is set aside and told when it cannot be deleted, and keeps no job from its machine", async () => {
    const computer = await withDead();
    mountInClone(computer);
    await run(computer, gc);
    await prepareAnother(computer.start());
    expect(computer.systemd.units.size).toBe(1);
    const kept = trash(computer).map((line) => line.split(" ", 1)[0]);
    expect(kept).toContainEqual(
      expect.stringMatching(
        /^\/images\/\.trash\/kept=b00t\/discarded=job-17-abcdef-\w+\/root\/mnt\/held$/,
      ),
    );
    expect(kept).toContainEqual(
      expect.stringMatching(/kept=b00t\/discarded=job-17-abcdef-\w+\.why$/),
    );
  });

  test("goes although nobody can read its state", async () => {
    const computer = await withDead();
    const state = computer.disk.need("open", `/run/nspawn-runner/machines/${MACHINE}/state.json`);
    if (state.kind === "file") state.text = "{";
    await prepareAnother(computer.start());
    await collectLater(computer);
    expect(inventory(computer).join("\n")).not.toContain(MACHINE);
  });
});

test("a directory on btrfs becomes a subvolume of the same content, whatever fails", async () => {
  const place: Place = { kind: "btrfs", image: "directory" };
  const before = inventory(openPlace(place));
  for (const how of ["refused", "done", "killed"] as const) {
    await sweep(how, {
      open: () => openPlace(place),
      act: prepare,
      after: async (computer) => {
        await run(computer, cleanup);
        await collectLater(computer);
        expectNothingLeft(computer, before);
      },
    });
  }
});

test("when a failed start cannot be undone either, the first error comes first", async () => {
  const refusing: CommandTable = [
    [["systemd-run"], () => ({ exitCode: 1, stderr: "no" })],
    [
      ["systemctl", "stop"],
      () => {
        throw new RunnerError({ kind: "system", message: "The bus is stuck." });
      },
    ],
  ];
  const computer = openPlace({ kind: "reflink", image: "tree" }, { commands: refusing });
  const error = await run(computer, prepare).catch((caught: unknown) => caught);
  const lines = formatError(error, { debug: false }).split("\n");
  expect(lines[0]).toBe(`ERROR: Cannot boot machine "${MACHINE}".`);
  expect(lines.join("\n")).toContain("\nWhile cleaning up after it: ERROR: The bus is stuck.");
  expect(outcomeOf(error)).toBe("system");
});

test("a cleanup while its machine is prepared is what that ends with", async () => {
  const cleanedUp: CommandTable = [
    [
      ["systemd-run"],
      async () => {
        await run(computer, cleanup);
        return { exitCode: 1, stderr: "no" };
      },
    ],
  ];
  const computer = openPlace({ kind: "btrfs", image: "tree" }, { commands: cleanedUp });
  await expect(run(computer, prepare)).rejects.toThrow("it was cleaned up meanwhile");
});

test("a second preparation of a name leaves the first alone", async () => {
  const computer = openPlace({ kind: "btrfs", image: "tree" });
  await run(computer, prepare);
  const before = inventory(computer);
  {
    using _first = await holdPreparing(computer.start().host, parseMachineName(MACHINE));
    await expect(run(computer, prepare)).rejects.toThrow("is being prepared by another process");
  }
  expect(inventory(computer)).toEqual(before);
});

/** Something of the administrator's, which nobody can remove. */
function mountInClone({ disk }: FakeComputer): void {
  const mount = `${ROOT}/.machines/${MACHINE}/root/mnt`;
  disk.mount(mount, EXT4);
  disk.ensureDirectory(`${mount}/held`, 0o755);
  disk.directoryAt("open", mount).volume.readOnly = true;
}
