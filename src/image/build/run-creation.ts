/** Carries out a creator's plan: the root file system comes to be in the draft's tree. */

import type { Host } from "../../host/host.ts";
import { WAITS } from "../../host/waits.ts";
import type { MachineLimits } from "../../machine/machine-limits.ts";
import { RunnerError } from "../../text/errors.ts";
import { formatCommand } from "../../text/format-command.ts";
import { copyImage } from "../copy-image.ts";
import type { CommandStep, CreateStep } from "../creators/creator.ts";
import { CREATION_UNIT, type Draft, type ImageStore } from "../draft.ts";
import { passedOn } from "../passed-on.ts";
import type { BuildLog } from "./build-log.ts";
import { type CreationUnit, groupSteps, planUnit } from "./plan-creation.ts";

export interface Creation {
  readonly steps: readonly CreateStep[];
  readonly draft: Pick<Draft, "tree" | "work" | "holdUnit">;
  readonly log: BuildLog;
  /** Of each of its services; the time is that of all. */
  readonly limits: MachineLimits;
  readonly timeoutSeconds: number;
}

/** Throws a system error when a step fails; the log has its words. */
export async function runCreation(
  host: Host,
  store: ImageStore,
  creation: Creation,
): Promise<void> {
  const { steps, draft, log, timeoutSeconds } = creation;
  const [first] = steps;
  if (first?.kind === "copy-image") {
    log.note(`Copying image "${first.image}".`);
    await copyImage(host, store, { image: first.image, tree: draft.tree });
    return;
  }
  await store.storage.createTree(host, draft.tree);
  for (const step of steps) {
    if (step.kind === "write") host.files.writeText(step.path, step.text, step.mode);
  }
  const until = host.clock.elapsedMs() + timeoutSeconds * 1000;
  for (const group of groupSteps(steps)) {
    const leftMs = until - host.clock.elapsedMs();
    await runUnit(host, creation, group, Math.max(Math.ceil(leftMs / 1000), 1));
  }
}

const RANDOM_LENGTH = 10;

/** Its name is in the draft before it starts: whoever finds the draft ends it first. */
async function runUnit(
  host: Host,
  { draft, log, limits }: Creation,
  steps: readonly CommandStep[],
  timeMaxSeconds: number,
): Promise<void> {
  const unit = `${CREATION_UNIT}${host.randomName(RANDOM_LENGTH)}.service`;
  const { tree, work } = draft;
  const plan = planUnit(
    {
      ...{ unit, tree, work, limits, timeMaxSeconds, driver: host.driver },
      place: draft.holdUnit(unit),
      environment: passedOn(host),
    },
    steps,
  );
  for (const { path, text } of plan.files) host.files.writeText(path, text, 0o600);
  // The others say so themselves.
  if (steps[0]?.kind === "unpack") log.note(formatCommand(steps[0].argv));
  const { exitCode, signal } = await host.processes.run(plan.argv, {
    onCancel: "kill",
    wait: WAITS.build,
    onOutput: log.write,
  });
  if (exitCode !== 0)
    throw failureOf(host, plan, { steps, end: signal ?? `exit status ${exitCode}` });
}

function failureOf(
  host: Pick<Host, "files">,
  { at, result }: CreationUnit,
  { steps, end }: { readonly steps: readonly CommandStep[]; readonly end: string },
): RunnerError {
  const read = (path: string): string =>
    host.files.probe(path) === undefined ? "" : host.files.readText(path).trim();
  const step = steps[Number(read(at) || 0)];
  const name = step?.kind === "unpack" ? step.tool : step?.argv[0];
  const hint = LIMITS[read(result)];
  return new RunnerError({
    kind: "system",
    message: `"${name}" ended with ${end}.`,
    hints: hint === undefined ? [] : [hint],
  });
}

/** By `$SERVICE_RESULT` of systemd.exec(5). */
const LIMITS: Readonly<Record<string, string>> = {
  timeout: "It took longer than build_timeout allows.",
  "oom-kill": "It wanted more memory than the host has, or build_memory allows.",
};
