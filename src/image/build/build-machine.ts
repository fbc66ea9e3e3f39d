/** A machine that works in a draft's tree, for as long as one part of a build. */

import type { Host } from "../../host/host.ts";
import { createMachine, type MachineRequest } from "../../machine/create-machine.ts";
import { NO_LOOSENING } from "../../machine/loosening.ts";
import type { MachinePlan } from "../../machine/machine-plan.ts";
import type { MachineSettings } from "../../machine/machine-settings.ts";
import { BUILD_PREFIX } from "../../machine/machine-units.ts";
import { ownProcess } from "../../machine/owner.ts";
import { destroyMachine } from "../../machine/release.ts";
import { runStep } from "../../machine/run-step.ts";
import { type Shutdown, shutDownMachine } from "../../machine/shut-down.ts";
import type { NetworkRequest } from "../../network/network-request.ts";
import { RunnerError } from "../../text/errors.ts";
import { quoteArgument } from "../../text/format-command.ts";
import { type MachineName, parseMachineName } from "../../text/names.ts";
import type { Draft, ImageStore } from "../draft.ts";
import type { BuildLog } from "./build-log.ts";
import toolsText from "./tools.sh" with { type: "text" };

export interface BuildMachine {
  readonly name: MachineName;
  readonly plan: MachinePlan;
  /** Calls a function of `tools.sh`; its exit code. */
  attempt(words: readonly string[]): Promise<number>;
  /** As `attempt`. Throws a system error when it fails; `what` names it there. */
  call(what: string, words: readonly string[]): Promise<void>;
  /** As `call`; what it printed, which is bounded. */
  ask(what: string, words: readonly string[]): Promise<string>;
  /** Runs a script of its own; its exit code. */
  run(script: string): Promise<number>;
}

export interface BuildMachineRequest {
  readonly image: string;
  readonly draft: Draft;
  readonly log: BuildLog;
  readonly root: "clone" | "tree";
  readonly boots: boolean;
  readonly settings: MachineSettings;
  readonly bootTimeoutSeconds: number;
  readonly timeoutSeconds: number;
  readonly memoryBytes: number;
  readonly network: NetworkRequest;
}

const ANSWER_MAX_BYTES = 4 * 1024 * 1024;

/** Starts the machine, lets `use` work in it, and ends it, in order where that matters. */
export async function withBuildMachine<Result>(
  host: Host,
  store: ImageStore,
  request: BuildMachineRequest,
  use: (machine: BuildMachine) => Promise<Result>,
): Promise<Result> {
  const name = parseMachineName(`${BUILD_PREFIX}${host.randomName(12)}`);
  request.draft.holdMachine(name);
  const machine: MachineRequest = {
    name,
    rootDirectory: store.rootDirectory,
    storage: store.storage,
    image: request.image,
    source: request.draft.tree,
    root: request.root,
    payload: { kind: request.boots ? "system" : "agent" },
    settings: request.settings,
    loosening: NO_LOOSENING,
    network: request.network,
    jobId: "0",
    bootTimeoutSeconds: request.bootTimeoutSeconds,
    jobTimeoutSeconds: request.timeoutSeconds,
    memoryBytes: request.memoryBytes,
    gitlabRunner: undefined,
    owner: ownProcess(host),
  };
  const plan = await createMachine(host, machine, { id: request.draft.id });
  try {
    const result = await use(openBuildMachine(host, { ...request, name, plan }));
    // A data base that a playbook has started must not lose what it holds in memory.
    const shutdown: Shutdown =
      request.boots && request.root === "tree" ? await shutDownMachine(host, plan) : "not asked";
    if (shutdown === "too slow") request.log.note("The machine did not shut down in time.");
    return result;
  } finally {
    await destroyMachine(host, name);
  }
}

function openBuildMachine(
  host: Host,
  parts: BuildMachineRequest & { readonly name: MachineName; readonly plan: MachinePlan },
): BuildMachine {
  const { name, plan, draft, log } = parts;
  let scripts = 0;
  const run = async (
    script: string,
    options: { readonly uid: number; readonly take: (bytes: Uint8Array) => void },
  ): Promise<number> => {
    scripts += 1;
    const path = `${draft.work}/script-${scripts}`;
    host.files.writeText(path, script, 0o600);
    const result = await runStep(host, {
      name,
      idShift: plan.facts.idShift,
      uid: options.uid,
      script: path,
      write: async (bytes) => options.take(bytes),
    });
    if (result.kind === "exited") return result.code;
    const message =
      result.kind === "cancelled"
        ? "The build was cancelled: we were told to end."
        : "The build's machine is gone.";
    throw new RunnerError({ kind: "system", message });
  };
  const toolScript = (words: readonly string[]): string =>
    `#!/bin/sh\n${toolsText}\n${words.map(quoteArgument).join(" ")}\n`;
  const must = (what: string, code: number): void => {
    if (code === 0) return;
    throw new RunnerError({ kind: "system", message: `${what} failed with exit status ${code}.` });
  };
  const attempt = (words: readonly string[]): Promise<number> => {
    log.note(words.join(" "));
    return run(toolScript(words), { uid: 0, take: log.write });
  };
  return {
    name,
    plan,
    attempt,
    call: async (what, words) => must(what, await attempt(words)),
    ask: async (what, words) => {
      const parts: Buffer[] = [];
      let size = 0;
      const take = (bytes: Uint8Array): void => {
        size += bytes.length;
        if (size <= ANSWER_MAX_BYTES) parts.push(Buffer.from(bytes));
      };
      must(what, await run(toolScript(words), { uid: 0, take }));
      return Buffer.concat(parts).toString("utf8");
    },
    run: (script) => run(script, { uid: parts.settings.user?.uid ?? 0, take: log.write }),
  };
}
