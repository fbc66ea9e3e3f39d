/** Runs one script in a machine, by its agent. The hot path: no process is started here. */
import type { Host, LineFifo } from "../host/host.ts";
import { RunnerError } from "../text/errors.ts";
import type { MachineName } from "../text/names.ts";
import { parseInterpreter } from "./interpreter.ts";
import { machinePaths } from "./machine-paths.ts";

export type StepResult =
  | { readonly kind: "exited"; readonly code: number }
  /** The machine, or its agent, went away under the script. */
  | { readonly kind: "machine-gone" };

export interface StepRequest {
  readonly name: MachineName;
  readonly idShift: number;
  /** Who runs the script, by its id inside the machine. */
  readonly uid: number;
  readonly script: string;
  /** Takes the output as it comes; a slow one slows the script. Our stdout when absent. */
  readonly write?: (bytes: Uint8Array) => Promise<void>;
}

/** From SIGTERM to SIGKILL for a script that is to end: the call answers within a second. */
const TERM_GRACE_MS = 600;
const AGENT_ANSWER_MS = 20_000;
const AGENT_RESTART_MS = 50;
const AGENT_RESTART_TRIES = 60;
const LINES_OF_SHEBANG_BYTES = 256;

/** Streams the script's output; resolves when the script has ended. */
export async function runStep(host: Host, request: StepRequest): Promise<StepResult> {
  if (host.files.probe(request.script)?.kind !== "file") {
    throw new RunnerError({
      kind: "usage",
      message: `Cannot run "${request.script}": it is not a file.`,
      hints: ["Give the path of a script."],
    });
  }
  const step = makeStepDirectory(host, request);
  try {
    await using output = host.fifos.openOutput(step.output);
    const opening = host.fifos.awaitLines(step.result);
    await askAgent(host, request.name, `run ${step.id}`);
    const result = await within(opening, AGENT_ANSWER_MS, request.name);
    await using _closed = result;
    const pumping = output.pump(request.write ?? outputWriter(host));
    const ended = await awaitEnd(host, request.name, result);
    output.finish();
    await pumping;
    if (ended.kind === "exited") host.fifos.writeLine(step.ack, "read");
    return ended;
  } finally {
    host.files.remove(step.directory);
  }
}

async function awaitEnd(host: Host, name: MachineName, result: LineFifo): Promise<StepResult> {
  const started = /^started (\d{1,10})$/.exec((await result.readLine()) ?? "");
  const session = started?.[1];
  if (session === undefined) return { kind: "machine-gone" };
  const ending = result.readLine();
  const stop = endOnSignal(host, name, session);
  try {
    const exited = /^exited (\d{1,3})$/.exec((await ending) ?? "");
    if (exited?.[1] === undefined) return { kind: "machine-gone" };
    return { kind: "exited", code: Number(exited[1]) };
  } finally {
    stop();
  }
}

/** On SIGTERM of ours the script's whole session gets TERM, then KILL. Returns the way to stop that. */
function endOnSignal(host: Host, name: MachineName, session: string): () => void {
  const path = machinePaths(name).request;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const abort = (): void => {
    host.fifos.writeLine(path, `signal ${session} TERM`);
    timer = setTimeout(() => host.fifos.writeLine(path, `signal ${session} KILL`), TERM_GRACE_MS);
  };
  host.signal.addEventListener("abort", abort, { once: true });
  if (host.signal.aborted) abort();
  return () => {
    clearTimeout(timer);
    host.signal.removeEventListener("abort", abort);
  };
}

interface StepDirectory {
  readonly id: string;
  readonly directory: string;
  readonly output: string;
  readonly result: string;
  readonly ack: string;
}

function makeStepDirectory(host: Host, request: StepRequest): StepDirectory {
  const id = host.randomName(12);
  const directory = `${machinePaths(request.name).steps}/${id}`;
  const step = {
    id,
    directory,
    output: `${directory}/output`,
    result: `${directory}/result`,
    ack: `${directory}/ack`,
  };
  host.files.createDirectory(directory, 0o755);
  host.files.copy(request.script, `${directory}/script`, 0o500);
  host.files.setOwner(`${directory}/script`, request.idShift + request.uid);
  const firstLine = host.files.readStart(request.script, LINES_OF_SHEBANG_BYTES);
  host.files.writeText(`${directory}/interpreter`, `${parseInterpreter(firstLine)}\n`);
  for (const fifo of [step.output, step.result, step.ack]) {
    host.files.makeFifo(fifo, { mode: 0o600, ownerId: request.idShift });
  }
  return step;
}

/** The agent is restarted when it dies; a machine without one for seconds is broken. */
async function askAgent(host: Host, name: MachineName, request: string): Promise<void> {
  for (let attempt = 0; attempt < AGENT_RESTART_TRIES; attempt += 1) {
    if (host.fifos.writeLine(machinePaths(name).request, request)) return;
    if (host.files.probe(machinePaths(name).end) !== undefined) break;
    await host.clock.sleep(AGENT_RESTART_MS);
  }
  throw new RunnerError({
    kind: "system",
    message: `Machine "${name}" does not take scripts any more.`,
  });
}

async function within(
  opening: Promise<LineFifo>,
  ms: number,
  name: MachineName,
): Promise<LineFifo> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(resolve, ms, undefined);
  const result = await Promise.race([opening, late]);
  clearTimeout(timer);
  if (result !== undefined) return result;
  throw new RunnerError({
    kind: "system",
    message: `Machine "${name}" did not begin the script within ${ms / 1000} s.`,
  });
}

/** Output for nobody (the reader has gone) is dropped: the script's end still counts. */
function outputWriter(host: Host): (bytes: Uint8Array) => Promise<void> {
  let open = true;
  return async (bytes) => {
    if (open) open = await host.writeOut(bytes);
  };
}
