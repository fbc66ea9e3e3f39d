/** What an administrator says of the limits of jobs' machines, for all jobs or in one rule. */

/** What is absent stays as it was. */
export interface LimitChoice {
  readonly memoryBytes?: number | undefined;
  /** What a job may ask for; less than `memoryBytes` means nothing. So for all of them. */
  readonly memoryMaxBytes?: number | undefined;
  readonly swapBytes?: number | undefined;
  readonly cpus?: number | undefined;
  readonly cpusMax?: number | undefined;
  readonly cpuWeight?: number | undefined;
  readonly ioWeight?: number | undefined;
  readonly tasks?: number | undefined;
  readonly diskBytes?: number | undefined;
  readonly diskMaxBytes?: number | undefined;
}

/** As the settings are named, without `job_`. */
interface LimitSettings {
  readonly memory?: number | undefined;
  readonly memory_max?: number | undefined;
  readonly swap?: number | undefined;
  readonly cpus?: number | undefined;
  readonly cpus_max?: number | undefined;
  readonly cpu_weight?: number | undefined;
  readonly io_weight?: number | undefined;
  readonly tasks?: number | undefined;
  readonly disk?: number | undefined;
  readonly disk_max?: number | undefined;
}

export const chooseLimits = (settings: LimitSettings): LimitChoice => ({
  memoryBytes: settings.memory,
  memoryMaxBytes: settings.memory_max,
  swapBytes: settings.swap,
  cpus: settings.cpus,
  cpusMax: settings.cpus_max,
  cpuWeight: settings.cpu_weight,
  ioWeight: settings.io_weight,
  tasks: settings.tasks,
  diskBytes: settings.disk,
  diskMaxBytes: settings.disk_max,
});
