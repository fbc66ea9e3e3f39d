/** Somebody sets the clock while we work: what is waited for goes by another one. */
import { expect, test } from "bun:test";
import { cleanupAction } from "../../src/cli/cleanup.ts";
import { prepareAction } from "../../src/cli/prepare.ts";
import type { Host } from "../../src/host/host.ts";
import { MACHINE, openPlace, trash } from "./sweep.ts";

const HOUR_MS = 3_600_000;
/** How often a dead machine's cgroup is still seen with a process in it. */
const LOOKS = 3;

test.each([1, 24 * 365])(
  "a clock that is put on by %d h at each look ends no wait",
  async (hours) => {
    const computer = openPlace({ kind: "overlay", image: "tree", network: "private" });
    let looks = 0;
    const timeOfDay = (rightMs: number): number => {
      looks += 1;
      return rightMs + looks * hours * HOUR_MS;
    };
    const { host: quick } = computer.start({ timeOfDay });
    const waits: number[] = [];
    let lives = 0;
    /** Its machines boot and die no faster than real ones, so that who waits looks more than once. */
    const host: Host = {
      ...quick,
      fifos: {
        ...quick.fifos,
        openLines: (path) => {
          const lines = quick.fifos.openLines(path);
          return {
            ...lines,
            readLine: (ms, signal) => {
              waits.push(ms ?? Number.POSITIVE_INFINITY);
              return lines.readLine(ms, signal);
            },
          };
        },
      },
      cgroups: {
        ...quick.cgroups,
        isPopulated: () => {
          lives += 1;
          return lives <= LOOKS;
        },
      },
    };
    const context = { host, version: "0" };
    await prepareAction(context, "debian", { id: MACHINE });
    expect(Math.min(...waits)).toBeGreaterThan(1000);
    await cleanupAction(context, { id: MACHINE });
    expect(lives).toBeGreaterThan(LOOKS);
    expect(trash(computer)).toEqual([]);
  },
);
