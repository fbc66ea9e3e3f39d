/** `chroot-maintenance [NAME…] [-- WORDS OF ANSIBLE-PLAYBOOK]`. */
import { readConfig } from "../config/config.ts";
import { parsePlaybookWords } from "../image/ansible/playbook-words.ts";
import { RunnerError } from "../text/errors.ts";
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
  given,
  options,
) => {
  // No image's name begins so: what comes behind a "--" is for ansible-playbook.
  const end = given.findIndex((word) => word.startsWith("-"));
  const names = end < 0 ? given : given.slice(0, end);
  const words = parsePlaybookWords(end < 0 ? [] : given.slice(end), host.workingDirectory);
  if (words.words.length > 0 && names.length === 0) {
    throw new RunnerError({
      kind: "usage",
      message: "Words for a playbook are for the images that are named.",
      hints: ["nspawn-runner chroot-maintenance NAME -- --tags web"],
    });
  }
  return maintainImages(host, await readConfig(host), {
    names,
    wish: options.force === true || words.words.length > 0 ? "all" : "due",
    words,
    check: options.check === true,
    json: options.json === true,
    jobs: parseJobs(options),
  });
};
