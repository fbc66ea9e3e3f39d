/** The limits of a job's machine where its administrator says nothing, from what the host has. Pure. */
import type { MachineLimits } from "./machine-limits.ts";

export interface HostCapacity {
  readonly memoryBytes: number;
  readonly cpus: number;
}

/** Booting a Debian takes 60 MB, its package manager some 300. */
const MEMORY_MIN = 512 * 2 ** 20;
const TASKS = 16_384;

export function defaultLimits({ memoryBytes }: HostCapacity): MachineLimits {
  const half = Math.floor(memoryBytes / 2);
  return {
    memoryBytes: Math.min(Math.max(half, MEMORY_MIN), memoryBytes),
    tasks: TASKS,
  };
}

/** From where on a machine is slowed down and gives memory back, before it is ended at its limit. */
export const memoryHighOf = (memoryBytes: number): number => Math.floor((memoryBytes * 15) / 16);
