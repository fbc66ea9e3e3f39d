/** What an administrator says of the limits of jobs' machines, for all jobs or in one rule. */

/** As the settings are named in a rule; for all jobs each begins with `job_`. */
const SETTINGS = {
  memoryBytes: "memory",
  /** What a job may ask for; less than `memoryBytes` means nothing. So for all of them. */
  memoryMaxBytes: "memory_max",
  swapBytes: "swap",
  cpus: "cpus",
  cpusMax: "cpus_max",
  cpuWeight: "cpu_weight",
  ioWeight: "io_weight",
  tasks: "tasks",
  diskBytes: "disk",
  diskMaxBytes: "disk_max",
} as const;

type LimitName = keyof typeof SETTINGS;

/** What is absent stays as it was. */
export type LimitChoice = { readonly [Name in LimitName]?: number | undefined };

type LimitSettings<Prefix extends string> = {
  readonly [Name in LimitName as `${Prefix}${(typeof SETTINGS)[Name]}`]?: number | undefined;
};

export function chooseLimits<Prefix extends "" | "job_">(
  prefix: Prefix,
  settings: LimitSettings<Prefix>,
): LimitChoice {
  const said: Readonly<Record<string, number | undefined>> = settings;
  return Object.fromEntries(
    Object.entries(SETTINGS).map(([name, setting]) => [name, said[prefix + setting]]),
  );
}
