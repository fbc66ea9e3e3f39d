/** `ansible-playbook --syntax-check` without a build: in the sandbox that a build has for it. */
import type { Host } from "../../host/host.ts";
import { RUNTIME_DIRECTORY } from "../../machine/machine-paths.ts";
import { type LayingOutHost, layOutPlaybook } from "./lay-out-playbook.ts";

export type SandboxHost = LayingOutHost & {
  readonly processes: Pick<Host["processes"], "run">;
};

const TIME_MAX_SECONDS = 60;

export async function checkInSandbox(
  host: SandboxHost,
  request: {
    /** The image's name. */
    readonly name: string;
    readonly playbook: string;
    readonly directory: string;
    /** Where requirements are installed that it has. */
    readonly installed: string | undefined;
  },
): ReturnType<Host["processes"]["run"]> {
  const { name, playbook, directory, installed } = request;
  const work = `${RUNTIME_DIRECTORY}/lint-${host.randomName(10)}`;
  host.files.ensureDirectory(RUNTIME_DIRECTORY, 0o700);
  try {
    const plan = layOutPlaybook(host, {
      ...{ image: name, playbook, directory, work, installed },
      ...{ words: [], requirements: undefined, machine: undefined },
      connects: true,
      timeMaxSeconds: TIME_MAX_SECONDS,
    });
    return await host.processes.run(plan.commands[0]?.argv ?? [], {
      workingDirectory: directory,
      onCancel: "kill",
    });
  } finally {
    host.files.remove(work);
  }
}
