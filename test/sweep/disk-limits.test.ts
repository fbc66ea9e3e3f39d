/** The limit of what a machine writes: it is there before the machine is, and goes behind it, whatever fails. */
import { describe, expect, test } from "bun:test";
import { RunnerError } from "../../src/text/errors.ts";
import { describeLimits } from "../fakes/fake-quotas.ts";
import {
  cleanup,
  emptyTrash,
  expectNoLimitLeft,
  openPlace,
  type Place,
  prepare,
  run,
  sweep,
  UNIT,
} from "./sweep.ts";

const PLACES: readonly Place[] = [
  { kind: "btrfs", image: "tree", disk: "1G" },
  { kind: "reflink", image: "tree", disk: "1G" },
  { kind: "overlay", image: "tree", disk: "1G" },
];

describe.each([...PLACES])("on $kind", (place) => {
  test("a machine has a limit, which gc leaves to it, and takes away behind it", async () => {
    const computer = openPlace(place);
    await run(computer, prepare);
    expect(describeLimits(computer.limits)).toHaveLength(1);
    await expect(expectNoLimitLeft(computer)).rejects.toThrow();
    expect([...computer.systemd.units.keys()]).toEqual([UNIT]);
    await run(computer, cleanup);
    await run(computer, emptyTrash);
    await expectNoLimitLeft(computer);
  });

  test.each(["refused", "done", "killed"] as const)("prepare with an effect %s", async (how) => {
    await sweep(how, {
      open: () => openPlace(place),
      act: prepare,
      after: async (computer, end) => {
        // No machine without one.
        if (end === "succeeded") expect(describeLimits(computer.limits)).toHaveLength(1);
        await run(computer, cleanup);
        await run(computer, emptyTrash);
        await expectNoLimitLeft(computer);
      },
    });
  });
});

test.each([
  [{ kind: "btrfs", image: "tree" }, "simple quotas", "btrfs quota enable --simple /images"],
  [{ kind: "reflink", image: "tree" }, "project quotas", "prjquota"],
  [{ kind: "overlay", image: "tree" }, "project quotas", "prjquota"],
] as const)(
  "%p without quotas refuses a limit, and says what to turn on",
  async (place, what, how) => {
    const computer = openPlace({ ...place, disk: "1G" }, { withoutQuotas: true });
    const failure = await run(computer, prepare).catch((error) => error);
    expect(failure).toBeInstanceOf(RunnerError);
    expect(failure.kind).toBe("system");
    expect(failure.message).toContain(what);
    expect(failure.hints.join()).toContain(how);
  },
);
