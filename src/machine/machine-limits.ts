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

/** As the bus knows it: see org.freedesktop.systemd1(5). */
export interface LimitProperty {
  readonly name: string;
  readonly value: number;
}

const MICROSECONDS = 1_000_000;
/** Of builds, and of what a person does: nobody has said more. */
const TASKS_DEFAULT = 16_384;

/** Properties of the slice that holds the machine and, later, its services; the disk has none there. */
export function limitProperties(limits: MachineLimits): LimitProperty[] {
  const { cpus } = limits;
  const values: readonly (readonly [string, number | undefined])[] = [
    ["MemoryMax", limits.memoryBytes],
    ["MemoryHigh", limits.memoryHighBytes],
    ["MemorySwapMax", limits.swapBytes],
    ["TasksMax", limits.tasks ?? TASKS_DEFAULT],
    ["CPUQuotaPerSecUSec", cpus === undefined ? undefined : Math.round(cpus * MICROSECONDS)],
    ["CPUWeight", limits.cpuWeight],
    ["IOWeight", limits.ioWeight],
  ];
  return values.flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }]));
}

/** The same for a unit that is started by systemd-run(1), which has another word for one of them. */
export const limitSettings = (limits: MachineLimits): string[] => [
  ...limitProperties({ ...limits, cpus: undefined }).map(({ name, value }) => `${name}=${value}`),
  ...(limits.cpus === undefined ? [] : [`CPUQuota=${Math.round(limits.cpus * 100)}%`]),
];
