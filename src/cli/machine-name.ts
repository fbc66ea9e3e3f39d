/** Which machine a stage is about: `--id`, else what `config` told GitLab Runner. */
import type { Host } from "../host/host.ts";
import { MACHINE_VARIABLE } from "../job/machine-variable.ts";
import { RunnerError } from "../text/errors.ts";
import { type MachineName, parseMachineName } from "../text/names.ts";

/** Nothing when neither is given. Throws when the name cannot be one. */
export function optionalMachineName(
  host: Pick<Host, "environment">,
  id: string | undefined,
): MachineName | undefined {
  const text = id ?? host.environment[MACHINE_VARIABLE];
  return text === undefined ? undefined : parseMachineName(text);
}

/** Throws when we are not root, to whom machines belong. */
export function requireRoot(host: Pick<Host, "userId">): void {
  if (host.userId === 0) return;
  throw new RunnerError({
    kind: "system",
    message: "Machines can only be used by root.",
    hints: [
      'Let gitlab-runner run as root: its service must not have "User=".',
      "By hand, run the command with sudo.",
    ],
  });
}

export function requireMachineName(
  host: Pick<Host, "environment">,
  id: string | undefined,
): MachineName {
  const name = optionalMachineName(host, id);
  if (name !== undefined) return name;
  throw new RunnerError({
    kind: "system",
    message: "This stage does not know its machine.",
    hints: [
      'Under GitLab Runner, set config_exec and config_args as "nspawn-runner toml" prints them.',
      "By hand, name the machine with --id NAME.",
    ],
  });
}
