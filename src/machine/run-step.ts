/** Runs one script in a machine, by its agent. The hot path: no process is started here. */
import type { AnswerFifo, Host } from "../host/host.ts";
import { WAITS } from "../host/waits.ts";
import { RunnerError } from "../text/errors.ts";
import type { MachineName } from "../text/names.ts";
import { agentFault, beginStep, nonsense } from "./begin-step.ts";
import { openStepCancel, type StepCancel } from "./cancel-step.ts";
import { killMachine, machineIsGone } from "./machine-life.ts";
import { machinePaths } from "./machine-paths.ts";
import { makeStepDirectory, type StepScript } from "./step-directory.ts";

export type StepResult =
  | { readonly kind: "exited"; readonly code: number }
  /** We were told to end. The script was not begun, did not end by itself, or could not be ended. */
  | {
      readonly kind: "cancelled";
      readonly ended: "before it began" | "by SIGKILL" | "with its machine";
    }
  | { readonly kind: "machine-gone" };

export interface StepOptions extends StepScript {
  /** Takes the output as it comes; a slow one slows the script. Our stdout when absent. */
  readonly write?: (bytes: Uint8Array) => Promise<void>;
}

/**
 * Streams the script's output; resolves when the script has ended. Throws a system error when the
 * agent fails it. Whatever the machine does, it ends soon after the machine, or our being told to.
 */
export async function runStep(host: Host, options: StepOptions): Promise<StepResult> {
  const { name } = options;
  if (host.files.probe(options.script)?.kind !== "file") {
    throw new RunnerError({
      kind: "usage",
      message: `Cannot run "${options.script}": it is not a file.`,
      hints: ["Give the path of a script."],
    });
  }
  using step = makeStepDirectory(host, options);
  await using output = host.fifos.openOutput(step.output);
  using _ack = host.fifos.hold(step.ack);
  using cancel = openStepCancel(host, name);
  const begun = await beginStep(host, { name, step, over: cancel.over });
  if (begun.kind === "machine-gone") return begun;
  if (begun.kind === "cancelled") return { kind: "cancelled", ended: "before it began" };
  if (begun.kind === "silent") return endMachine(host, name);
  await using answers = begun.answers;
  cancel.started(begun.session);
  output.pump(options.write ?? outputWriter(host));
  const result = await awaitEnd(host, { name, answers, cancel });
  await output.finish({
    idleMs: WAITS.outputEnd.ms,
    signal: host.signal,
    cancelMs: WAITS.outputAfterCancel.ms,
  });
  if (typeof result === "object") return result;
  // Whoever has ended it may have left the script behind.
  host.fifos.writeLine(machinePaths(name).request, `signal ${begun.session} KILL`);
  throw agentFault(
    name,
    result === "agent-lives"
      ? "was ended while it ran the script."
      : `ended while it ran the script, and ${WAITS.machineEnd.ms / 1000} s later neither is it back nor the machine at its end: is that shutting down?`,
  );
}

async function awaitEnd(
  host: Host,
  parts: { readonly name: MachineName; readonly answers: AnswerFifo; readonly cancel: StepCancel },
): Promise<StepResult | "agent-gone" | "agent-lives"> {
  const { name, answers, cancel } = parts;
  const answer = await answers.read({ signal: cancel.over });
  switch (answer.kind) {
    case "waited":
      return endMachine(host, name);
    case "closed":
      return awaitMachineEnd(host, parts);
    case "line": {
      const exited = /^exited (\d{1,3})$/.exec(answer.text)?.[1];
      const code = Number(exited ?? Number.NaN);
      if (!(code <= EXIT_MAX)) throw nonsense(name, answer);
      if (code === KILLED && cancel.killed) return { kind: "cancelled", ended: "by SIGKILL" };
      // A machine that shuts down ends its scripts before its agent.
      if (code > SIGNALLED && machineIsGone(host, name)) return { kind: "machine-gone" };
      return { kind: "exited", code };
    }
  }
}

const EXIT_MAX = 255;
/** Exit status of a shell for what a signal has ended: this and its number. */
const SIGNALLED = 128;
const KILLED = SIGNALLED + 9;
const LOOK_MS = 20;
/** Processes that are killed at once do not end at once. */
const AGENT_LIVES_LOOKS = 25;

/**
 * The answers have ended before the script: with the agent's process for this step alone, or with the
 * machine, which ends after its agent when it shuts down.
 */
async function awaitMachineEnd(
  host: Host,
  { name, cancel }: { readonly name: MachineName; readonly cancel: StepCancel },
): Promise<StepResult | "agent-gone" | "agent-lives"> {
  let lives = 0;
  for (let looks = WAITS.machineEnd.ms / LOOK_MS; looks > 0; looks -= 1) {
    if (machineIsGone(host, name)) return { kind: "machine-gone" };
    if (cancel.over.aborted) return endMachine(host, name);
    if (host.fifos.isRead(machinePaths(name).request)) lives += 1;
    if (lives === AGENT_LIVES_LOOKS) return "agent-lives";
    await host.clock.sleep(LOOK_MS);
  }
  return "agent-gone";
}

/** A script that was cancelled must not go on, whatever has become of the agent. */
function endMachine(host: Host, name: MachineName): StepResult {
  killMachine(host, name);
  return { kind: "cancelled", ended: "with its machine" };
}

/** Output for nobody (the reader has gone) is dropped: the script's end still counts. */
function outputWriter(host: Host): (bytes: Uint8Array) => Promise<void> {
  let open = true;
  return async (bytes) => {
    if (open) open = await host.writeOut(bytes);
  };
}
