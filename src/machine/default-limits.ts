/** The limits of a job's machine where its administrator says nothing, from what the host has. Pure. */
import type { MachineLimits } from "./machine-limits.ts";

export interface HostCapacity {
  readonly memoryBytes: number;
  readonly swapBytes: number;
  readonly cpus: number;
  /** How many processes and threads it can have. */
  readonly tasks: number;
}

/** Booting a Debian takes 60 MB, its package manager some 300. */
const MEMORY_MIN = 512 * 2 ** 20;
/** Of a booted Debian, a browser under test and a compiler for each of 128 processors, four times over. */
const TASKS = 4096;
/** Of the host's, for one machine: its own programs, and other machines, want some as well. */
const TASKS_SHARE = 1 / 4;

/**
 * Processors are shared by weight, of which all have the same: a lone job has all of them. A disk's
 * limit is an administrator's to give: what of it is free is for all.
 */
export function defaultLimits({ memoryBytes, swapBytes, tasks }: HostCapacity): MachineLimits {
  const half = Math.floor(memoryBytes / 2);
  return {
    memoryBytes: Math.min(Math.max(half, MEMORY_MIN), memoryBytes),
    ...(swapBytes === 0 ? {} : { swapBytes: Math.floor(swapBytes / 2) }),
    tasks: Math.min(TASKS, Math.floor(tasks * TASKS_SHARE)),
  };
}

/**
 * From where on a machine is slowed down and gives memory back, before it is ended at its limit. Not
 * further away: what cannot give any back gets there at a crawl (mem_cgroup_handle_over_high() of Linux:
 * by the square of the share that it is beyond, up to 60 ms for each 256 KB at a 32nd).
 */
export const memoryHighOf = (memoryBytes: number): number => Math.floor((memoryBytes * 31) / 32);
