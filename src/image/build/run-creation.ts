/** Carries out a creator's plan: the root file system comes to be in the draft's tree. */

import type { Host } from "../../host/host.ts";
import { WAITS } from "../../host/waits.ts";
import { RunnerError } from "../../text/errors.ts";
import { formatCommand } from "../../text/format-command.ts";
import { copyImage } from "../copy-image.ts";
import type { CreateStep } from "../creators/creator.ts";
import type { Draft, ImageStore } from "../draft.ts";
import type { BuildLog } from "./build-log.ts";

/** Throws a system error when a step fails; the log has its words. */
export async function runCreation(
  host: Host,
  store: ImageStore,
  creation: {
    readonly steps: readonly CreateStep[];
    readonly draft: Draft;
    readonly log: BuildLog;
  },
): Promise<void> {
  const { steps, draft, log } = creation;
  const [first] = steps;
  if (first?.kind !== "copy-image") await store.storage.createTree(host, draft.tree);
  for (const step of steps) await runStep(host, store, { step, draft, log });
}

async function runStep(
  host: Host,
  store: ImageStore,
  { step, draft, log }: { step: CreateStep; draft: Draft; log: BuildLog },
): Promise<void> {
  switch (step.kind) {
    case "write":
      host.files.writeText(step.path, step.text, step.mode);
      return;
    case "copy-image": {
      log.note(`Copying image "${step.image}".`);
      await copyImage(host, store, { image: step.image, tree: draft.tree });
      return;
    }
    case "run":
      await runCommand(host, { step, draft, log });
  }
}

/** A command of the host; its output is the log's. */
async function runCommand(
  host: Host,
  { step, draft, log }: { step: Extract<CreateStep, { kind: "run" }>; draft: Draft; log: BuildLog },
): Promise<void> {
  log.note(formatCommand(step.argv));
  const result = await host.processes.run(step.argv, {
    onCancel: "kill",
    wait: WAITS.build,
    onOutput: log.write,
    workingDirectory: step.workingDirectory ?? draft.work,
    ...(step.environment === undefined ? {} : { environment: step.environment }),
    ...(step.input === undefined ? {} : { input: step.input }),
  });
  if (result.exitCode === 0) return;
  const end =
    result.signal === undefined ? `exit status ${result.exitCode}` : `signal ${result.signal}`;
  throw new RunnerError({
    kind: "system",
    message: `"${step.argv[0]}" ended with ${end}.`,
  });
}
