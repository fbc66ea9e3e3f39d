/** `chroot-maintenance [NAME…]`. */
import { readConfig } from "../config/config.ts";
import type { Action } from "./context.ts";
import { type JobsOption, parseJobs } from "./jobs-option.ts";
import { maintainImages } from "./maintain.ts";

interface MaintenanceOptions extends JobsOption {
  readonly check?: boolean;
  readonly force?: boolean;
  readonly json?: boolean;
}

export const chrootMaintenanceAction: Action<[string[], MaintenanceOptions]> = async (
  { host },
  names,
  options,
) =>
  maintainImages(host, await readConfig(host), {
    names,
    wish: options.force === true ? "all" : "due",
    check: options.check === true,
    json: options.json === true,
    jobs: parseJobs(options),
  });
