/** What a machine may take of its host, as settings of systemd.resource-control(5). Pure. */

/** Absent ones are not set. */
export interface MachineLimits {
  /** What it is ended beyond. */
  readonly memoryBytes?: number | undefined;
  /** What it is slowed down and its memory reclaimed beyond. */
  readonly memoryHighBytes?: number | undefined;
  readonly swapBytes?: number | undefined;
  /** In units of one CPU: 1.5 is a CPU and a half. */
  readonly cpus?: number | undefined;
  /** Shares beside other machines', 1 to 10,000; 100 is everybody's. */
  readonly cpuWeight?: number | undefined;
  readonly ioWeight?: number | undefined;
  readonly tasks?: number | undefined;
  /** What it may write into its clone. */
  readonly diskBytes?: number | undefined;
}

const TASKS_DEFAULT = 16_384;

/** Properties of the machine's unit. */
export function limitProperties(limits: MachineLimits): string[] {
  return [
    `TasksMax=${limits.tasks ?? TASKS_DEFAULT}`,
    ...(limits.memoryBytes === undefined ? [] : [`MemoryMax=${limits.memoryBytes}`]),
    ...(limits.cpus === undefined ? [] : [`CPUQuota=${Math.round(limits.cpus * 100)}%`]),
  ];
}
