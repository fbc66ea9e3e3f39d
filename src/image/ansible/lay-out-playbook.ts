/** The files that Ansible runs with, and the commands that run it with them, in its sandbox. */
import type { Host } from "../../host/host.ts";
import { RunnerError } from "../../text/errors.ts";
import { passedOn } from "../passed-on.ts";
import { readConfiguration } from "./configuration.ts";
import { type AnsibleFacts, type AnsiblePlan, planPlaybook } from "./plan-playbook.ts";

export type LayingOutHost = Pick<Host, "files" | "environment" | "randomName"> & {
  readonly processes: Pick<Host["processes"], "which">;
};

/** Throws a system error where Ansible is not installed. */
export function layOutPlaybook(
  host: LayingOutHost,
  facts: Omit<AnsibleFacts, "unit" | "programs" | "environment" | "configuration" | "passwd">,
): AnsiblePlan {
  const plan = planPlaybook({
    ...facts,
    unit: `nspawn-runner-ansible-${host.randomName(10)}.service`,
    programs: {
      playbook: requireProgram(host, "ansible-playbook"),
      galaxy: host.processes.which("ansible-galaxy") ?? "ansible-galaxy",
    },
    environment: passedOn(host),
    configuration: readConfiguration(host, facts.directory),
    passwd: host.files.probe("/etc/passwd") === undefined ? "" : host.files.readText("/etc/passwd"),
  });
  for (const path of plan.directories) host.files.ensureDirectory(path, 0o700);
  host.files.setOwner(plan.state, plan.owner);
  for (const { path, text, mode } of plan.files) host.files.writeText(path, text, mode);
  return plan;
}

function requireProgram(host: Pick<LayingOutHost, "processes">, name: string): string {
  const path = host.processes.which(name);
  if (path !== undefined) return path;
  throw new RunnerError({
    kind: "system",
    message: `This host has no "${name}", which the definition's tasks need.`,
    hints: ["Install it: apt-get install ansible"],
  });
}
