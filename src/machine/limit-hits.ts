/**
 * What a machine has met of its limits, by the kernel's own count at its slice (cgroups(7)), and what a
 * job's author is told of it. Where the kernel does not count, nothing was met.
 */
import type { Host } from "../host/host.ts";
import type { MachineName } from "../text/names.ts";
import { formatLimit } from "../text/sizes.ts";
import { machineUnits } from "./machine-units.ts";

export interface LimitHits {
  /** Processes that the kernel has ended for lack of memory. */
  readonly memoryKills: number;
  /** How often the limit was why; else the host had none left. */
  readonly memoryFull: number;
  /** Processes and threads that were not to be begun. Counted at a slice since Linux 6.11. */
  readonly tasksRefused: number;
}

export interface LimitFacts {
  /** Nothing where there is no such limit, or the kernel does not say. */
  readonly memoryBytes: number | undefined;
  /** The most there was at a time. Since Linux 5.19. */
  readonly memoryPeakBytes: number | undefined;
  readonly tasks: number | undefined;
}

type CgroupHost = Pick<Host, "cgroups">;

export function readLimitHits({ cgroups }: CgroupHost, name: MachineName): LimitHits {
  const { sliceCgroup } = machineUnits(name);
  const count = (file: string, event: string): number =>
    Number(
      new RegExp(`^${event} (\\d+)$`, "m").exec(cgroups.read(sliceCgroup, file) ?? "")?.[1] ?? 0,
    );
  return {
    memoryKills: count("memory.events", "oom_kill"),
    memoryFull: count("memory.events", "oom"),
    tasksRefused: count("pids.events", "max"),
  };
}

export function readLimitFacts({ cgroups }: CgroupHost, name: MachineName): LimitFacts {
  const { sliceCgroup } = machineUnits(name);
  const amount = (file: string): number | undefined => {
    const text = cgroups.read(sliceCgroup, file);
    return text === undefined || !/^\d+$/.test(text) ? undefined : Number(text);
  };
  return {
    memoryBytes: amount("memory.max"),
    memoryPeakBytes: amount("memory.peak"),
    tasks: amount("pids.max"),
  };
}

/** Pure. */
export const hitsSince = (before: LimitHits, now: LimitHits): LimitHits => ({
  memoryKills: now.memoryKills - before.memoryKills,
  memoryFull: now.memoryFull - before.memoryFull,
  tasksRefused: now.tasksRefused - before.tasksRefused,
});

export const NO_HITS: LimitHits = { memoryKills: 0, memoryFull: 0, tasksRefused: 0 };

/** A sentence for each limit that was met, with what to change. Pure. */
export function explainHits(hits: LimitHits, facts: LimitFacts): string[] {
  return [...explainMemory(hits, facts), ...explainTasks(hits, facts)];
}

function explainMemory({ memoryKills, memoryFull }: LimitHits, facts: LimitFacts): string[] {
  if (memoryKills === 0) return [];
  const ended = `the kernel ended ${count(memoryKills, "process", "processes")} of the machine`;
  const { memoryBytes, memoryPeakBytes } = facts;
  const peak =
    memoryPeakBytes === undefined ? "" : ` and took ${formatLimit(memoryPeakBytes)} at most`;
  if (memoryFull === 0) {
    return [`The host's memory ran out: ${ended}, which was within its own limit${peak}.`];
  }
  const limit =
    memoryBytes === undefined ? "" : `, which may take ${formatLimit(memoryBytes)}${peak}`;
  return [
    `Memory ran out: ${ended}${limit}. Let the job take less, or ask for more by NSPAWN_MEMORY.`,
  ];
}

function explainTasks({ tasksRefused }: LimitHits, { tasks }: LimitFacts): string[] {
  if (tasksRefused === 0) return [];
  const limit = tasks === undefined ? "" : `: it may have ${tasks} at a time`;
  return [
    `The machine was refused ${count(tasksRefused, "process or thread", "processes or threads")}${limit}. Let the job run fewer; the administrator's setting is job_tasks.`,
  ];
}

const count = (number: number, one: string, more: string): string =>
  `${number} ${number === 1 ? one : more}`;
