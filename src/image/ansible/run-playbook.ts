/** Runs a definition's playbook in a build's machine. */
import * as v from "valibot";
import type { Host } from "../../host/host.ts";
import { WAITS } from "../../host/waits.ts";
import { findMachineProcess } from "../../machine/machine-process.ts";
import { RunnerError } from "../../text/errors.ts";
import { escapeUntrusted } from "../../text/escape.ts";
import { formatCommand } from "../../text/format-command.ts";
import type { BuildLog } from "../build/build-log.ts";
import type { BuildMachine } from "../build/build-machine.ts";
import type { Definition } from "../definition/definition.ts";
import { inventoryName } from "../definition/host-pattern.ts";
import type { Draft } from "../draft.ts";
import { hintsFor } from "./hints.ts";
import { layOutPlaybook } from "./lay-out-playbook.ts";
import type { AnsibleFacts, AnsiblePlan } from "./plan-playbook.ts";
import {
  findRequirements,
  isInstalled,
  keepRequirements,
  type Requirements,
} from "./requirements.ts";

const resultSchema = v.object({
  ok: v.number(),
  changed: v.number(),
  failed: v.number(),
  skipped: v.number(),
  hosts: v.array(v.string()),
  /** Plays that no host was for. */
  unmatched: v.array(v.string()),
});

/** What the tasks of a playbook did, by number. */
export type PlaybookResult = Pick<
  v.InferOutput<typeof resultSchema>,
  "ok" | "changed" | "failed" | "skipped"
>;

interface Preparation {
  readonly definition: Definition;
  readonly draft: Draft;
  readonly rootDirectory: string;
  readonly log: BuildLog;
  /** Whether it may use the network beside the machine. */
  readonly connects: boolean;
  readonly timeoutSeconds: number;
}

interface Run extends Preparation {
  readonly machine: BuildMachine;
  /** For ansible-playbook, besides ours. */
  readonly words: readonly string[];
}

/**
 * What can fail before anything is created: `requirements.yml` is installed, where it is new, and
 * Ansible reads the playbook with all that it includes. Throws a system error.
 */
export async function preparePlaybook(host: Host, run: Preparation): Promise<void> {
  const requirements = findRequirements(host, { ...run, ...run.definition });
  const installs = requirements !== undefined && !isInstalled(host, requirements);
  const plan = layOut(host, run, requirements);
  for (const command of plan.commands) await runAnsible(host, run, command);
  if (!installs) return;
  await keepRequirements(host, run.rootDirectory, { kept: requirements.kept, from: plan.state });
}

/** Throws a system error when a task fails, or a play was not for the image. */
export async function runPlaybook(host: Host, run: Run): Promise<PlaybookResult> {
  const { machine, words } = run;
  const process = await findMachineProcess(host, machine.plan);
  const requirements = findRequirements(host, { ...run, ...run.definition });
  const plan = layOut(host, run, requirements, {
    words,
    machine: { unit: machine.plan.unit, ...process },
  });
  for (const command of plan.commands) await runAnsible(host, run, command);
  return readResult(host, plan, run.definition);
}

async function runAnsible(
  host: Host,
  { log, definition }: Preparation,
  { words, argv }: AnsiblePlan["commands"][number],
): Promise<void> {
  log.note(formatCommand(words));
  const result = await host.processes.run(argv, {
    onCancel: "kill",
    wait: WAITS.build,
    onOutput: log.write,
    workingDirectory: definition.directory,
  });
  if (result.exitCode === 0) return;
  throw new RunnerError({
    kind: "system",
    message: `Ansible ended with ${result.signal ?? `exit status ${result.exitCode}`}.`,
    hints: hintsFor(log.lastLines(40).join("\n")),
  });
}

function layOut(
  host: Host,
  { definition, draft, connects, timeoutSeconds }: Preparation,
  requirements: Requirements | undefined,
  more: Pick<AnsibleFacts, "words" | "machine"> = { words: [], machine: undefined },
): AnsiblePlan {
  const { directory, name, path } = definition;
  const installed = requirements !== undefined && isInstalled(host, requirements);
  return layOutPlaybook(host, {
    ...{ ...more, connects, directory },
    image: name,
    work: `${draft.work}/ansible`,
    playbook: path,
    requirements: installed ? undefined : requirements?.path,
    installed: installed ? requirements.kept : undefined,
    timeMaxSeconds: timeoutSeconds,
  });
}

const exists = (host: Pick<Host, "files">, path: string): boolean =>
  host.files.probe(path) !== undefined;

function readResult(host: Host, plan: AnsiblePlan, definition: Definition): PlaybookResult {
  const text = exists(host, plan.result) ? host.files.readText(plan.result, 1_000_000) : "null";
  const read = v.safeParse(v.pipe(v.string(), v.parseJson(), resultSchema), text);
  if (!read.success) {
    throw new RunnerError({
      kind: "system",
      message: "Ansible ended well, but did not tell what it has done.",
      hints: ["Is there a callback or a strategy in ansible.cfg that ends it early?"],
    });
  }
  const { hosts, unmatched } = read.output;
  const image = inventoryName(definition.name);
  const others = hosts.filter((name) => name !== image);
  const hint = 'Write "hosts: all": the image is the only host there is.';
  if (unmatched.length > 0) {
    const plays = unmatched.map((name) => `"${escapeUntrusted(name, 60)}"`).join(", ");
    throw new RunnerError({
      kind: "system",
      message: `Plays were for nobody: ${plays}.`,
      hints: [hint],
    });
  }
  if (others.length > 0) {
    throw new RunnerError({
      kind: "system",
      message: `Plays were not for the image, but for ${escapeUntrusted(others.join(", "), 200)}.`,
      hints: [hint],
    });
  }
  const { ok, changed, failed, skipped } = read.output;
  return { ok, changed, failed, skipped };
}
