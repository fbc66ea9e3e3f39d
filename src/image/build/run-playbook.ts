/** Runs a definition's playbook in a build's machine. */

import type { Host } from "../../host/host.ts";
import { WAITS } from "../../host/waits.ts";
import { findMachineProcess } from "../../machine/machine-process.ts";
import { RunnerError } from "../../text/errors.ts";
import { formatCommand } from "../../text/format-command.ts";
import type { Definition } from "../definition/definition.ts";
import type { Draft } from "../draft.ts";
import { planAnsible } from "./ansible-plan.ts";
import type { BuildLog } from "./build-log.ts";
import type { BuildMachine } from "./build-machine.ts";

/** Throws a system error when a task fails. */
export async function runPlaybook(
  host: Host,
  parts: {
    readonly definition: Definition;
    readonly draft: Draft;
    readonly machine: BuildMachine;
    readonly log: BuildLog;
  },
): Promise<void> {
  const { definition, draft, machine, log } = parts;
  const { leader, cgroup } = await findMachineProcess(host, machine.plan);
  const work = `${draft.work}/ansible`;
  host.files.createDirectory(work, 0o700);
  const exists = (name: string): boolean =>
    host.files.probe(`${definition.directory}/${name}`) !== undefined;
  const requirements = ["requirements.yml", "requirements.yaml"].find(exists);
  const plan = planAnsible({
    image: definition.name,
    tree: draft.tree,
    work,
    playbook: definition.path,
    directory: definition.directory,
    leader,
    cgroup,
    hasConfiguration: exists("ansible.cfg"),
    requirements:
      requirements === undefined ? undefined : `${definition.directory}/${requirements}`,
  });
  for (const { path, text, mode } of plan.files) host.files.writeText(path, text, mode);
  for (const command of plan.commands) {
    log.note(formatCommand(command));
    const result = await host.processes.run(command, {
      onCancel: "kill",
      wait: WAITS.build,
      onOutput: log.write,
      environment: plan.environment,
      workingDirectory: definition.directory,
    });
    if (result.exitCode !== 0) {
      throw new RunnerError({
        kind: "system",
        message: `Ansible ended with ${result.signal ?? `exit status ${result.exitCode}`}.`,
      });
    }
  }
}

/**
 * Throws a system error when there is no Ansible. `community.general` holds the chroot connection;
 * Debian's `ansible` has it, `ansible-core` has not.
 */
export function requireAnsible(host: Pick<Host, "processes">): void {
  if (host.processes.which("ansible-playbook") !== undefined) return;
  throw new RunnerError({
    kind: "system",
    message: 'This host has no "ansible-playbook", which the definition\'s tasks need.',
    hints: ["Install it: apt-get install ansible"],
  });
}
