/** `chroot-maintenance`: comes with declared images. */
import { RunnerError } from "../text/errors.ts";
import type { Action } from "./context.ts";

export const chrootMaintenanceAction: Action<[]> = async () => {
  throw new RunnerError({
    kind: "usage",
    message: "Maintenance comes with declared images, which this version does not have yet.",
    hints: ['Change an image by hand with "nspawn-runner chroot-login NAME".'],
  });
};
