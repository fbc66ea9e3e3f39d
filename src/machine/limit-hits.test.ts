import { expect, test } from "bun:test";
import { openComputer } from "../../test/fakes/fake-host.ts";
import { parseMachineName } from "../text/names.ts";
import { explainHits, hitsSince, NO_HITS, readLimitFacts, readLimitHits } from "./limit-hits.ts";

const name = parseMachineName("job-1-a");
const GIB = 2 ** 30;
const FACTS = { memoryBytes: 4 * GIB, memoryPeakBytes: 3.5 * GIB, tasks: 4096 };

/** A kernel whose cgroup of the machine's slice has these files. */
function kernelWith(files: Readonly<Record<string, string>>) {
  const { host } = openComputer({}).start();
  const read = (path: string, file: string): string | undefined =>
    path.endsWith(".slice") ? files[file] : undefined;
  return { ...host, cgroups: { ...host.cgroups, read } };
}

test("what the kernel counts at the slice", () => {
  const host = kernelWith({
    "memory.events": "low 0\nhigh 7\nmax 9\noom 2\noom_kill 3\noom_group_kill 0",
    "pids.events": "max 17",
    "memory.max": "4294967296",
    "memory.peak": "3758096384",
    "pids.max": "max",
  });
  expect(readLimitHits(host, name)).toEqual({ memoryKills: 3, memoryFull: 2, tasksRefused: 17 });
  expect(readLimitFacts(host, name)).toEqual({ ...FACTS, tasks: undefined });
});

test("where it does not count nothing was met", () => {
  expect(readLimitHits(kernelWith({}), name)).toEqual(NO_HITS);
  expect(explainHits(NO_HITS, FACTS)).toEqual([]);
});

test.each([
  [
    { memoryKills: 3, memoryFull: 1, tasksRefused: 0 },
    "Memory ran out: the kernel ended 3 processes of the machine, which may take 4G and took 3584M at most. Let the job take less, or ask for more by NSPAWN_MEMORY.",
  ],
  [
    { memoryKills: 1, memoryFull: 0, tasksRefused: 0 },
    "The host's memory ran out: the kernel ended 1 process of the machine, which was within its own limit and took 3584M at most.",
  ],
  [
    { memoryKills: 0, memoryFull: 0, tasksRefused: 1 },
    "The machine was refused 1 process or thread: it may have 4096 at a time. Let the job run fewer; the administrator's setting is job_tasks.",
  ],
])("%p", (hits, sentence) => {
  expect(explainHits(hits, FACTS)).toEqual([sentence]);
});

test("what was met before a script is not the script's", () => {
  const before = { memoryKills: 2, memoryFull: 1, tasksRefused: 5 };
  expect(hitsSince(before, { ...before, memoryKills: 3 })).toEqual({ ...NO_HITS, memoryKills: 1 });
});
