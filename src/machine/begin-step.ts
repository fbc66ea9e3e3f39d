/**
 * From a request to a script that runs. A request that nobody took is withdrawn, so that it is known
 * whether the script was begun: then it may be asked for again, or not at all.
 */
import type { AnswerFifo, Host } from "../host/host.ts";
import { WAITS } from "../host/waits.ts";
import { RunnerError } from "../text/errors.ts";
import { escapeUntrusted } from "../text/escape.ts";
import type { MachineName } from "../text/names.ts";
import { machineIsGone } from "./machine-life.ts";
import { machinePaths } from "./machine-paths.ts";
import type { StepDirectory } from "./step-directory.ts";

export type Begun =
  | { readonly kind: "started"; readonly session: string; readonly answers: AnswerFifo }
  /** We were told to end, and the script was not begun. */
  | { readonly kind: "cancelled" }
  /** We were told to end; the agent may have begun the script, and says nothing. */
  | { readonly kind: "silent" }
  | { readonly kind: "machine-gone" };

export interface StepRequest {
  readonly name: MachineName;
  readonly step: StepDirectory;
  /** Aborts when a cancelled step has had all its time. */
  readonly over: AbortSignal;
}

/** While a script is not begun the machine's end is looked for as often, for want of an event. */
const LOOK_MS = 50;

/** Looks after which a request that nobody takes is made again: later each time, as the host may be slow. */
const looksBeforeAsk = (ask: number): number => (1000 * 4 ** (ask - 2)) / LOOK_MS;

/** Throws a system error when the agent does not take the request, or talks nonsense. */
export async function beginStep(host: Host, request: StepRequest): Promise<Begun> {
  const watch = openWatch(host, request.name);
  for (let ask = 1; ; ask += 1) {
    await using closing = new AsyncDisposableStack();
    const answers = closing.use(request.step.openAnswers(ask));
    const begun = await askOnce(host, { ...request, ask, answers, watch });
    if (begun.kind === "started") {
      closing.move();
      return { ...begun, answers };
    }
    if (begun.kind !== "withdrawn") return begun;
  }
}

interface Watch {
  /** Why there is nothing more to wait for. Throws when the time is over, with what the agent did not do. */
  look(undone: "take the script" | "begin the script that it has taken"): WhyOver | undefined;
}

type WhyOver = "cancelled" | "machine-gone";

function openWatch(host: Host, name: MachineName): Watch {
  // Counted, not timed: a host that stands still for a while does not use up the agent's time.
  let left = WAITS.agentTakes.ms / LOOK_MS;
  return {
    look: (undone) => {
      if (machineIsGone(host, name)) return "machine-gone";
      if (host.signal.aborted) return "cancelled";
      left -= 1;
      if (left > 0) return undefined;
      throw agentFault(name, `did not ${undone} within ${WAITS.agentTakes.ms / 1000} s.`);
    },
  };
}

interface Ask extends StepRequest {
  readonly ask: number;
  readonly answers: AnswerFifo;
  readonly watch: Watch;
}

type Asked =
  | { readonly kind: "started"; readonly session: string }
  | { readonly kind: "cancelled" }
  | { readonly kind: "silent" }
  | { readonly kind: "machine-gone" }
  | { readonly kind: "withdrawn" };

async function askOnce(host: Host, parts: Ask): Promise<Asked> {
  const { name, step, ask, answers, watch } = parts;
  const { request } = machinePaths(name);
  // An agent that has died is started again in a tenth of a second.
  while (host.fifos.writeLine(request, `run ${step.id} ${ask}`) !== "written") {
    const why = watch.look("take the script");
    if (why !== undefined) return { kind: why };
    await host.clock.sleep(LOOK_MS);
  }
  let why: WhyOver | "agent-gone" | "unheard" | undefined;
  for (let looks = looksBeforeAsk(ask + 1); why === undefined; looks -= 1) {
    const answer = await answers.read({ timeoutMs: LOOK_MS, signal: host.signal });
    if (answer.kind !== "waited") return awaitStart(parts, answer);
    why = watch.look("take the script");
    // What a FIFO held is lost once nobody has it open.
    if (why === undefined && !host.fifos.isRead(request)) why = "agent-gone";
    // An agent that has died over it may be back since the last look.
    if (why === undefined && looks <= 0) why = "unheard";
  }
  step.withdraw(ask);
  answers.letGo();
  // At its end: nobody has opened it, and nobody can any more.
  const last = await answers.read({ timeoutMs: WAITS.withdrawal.ms });
  if (last.kind === "line") return awaitStart(parts, last);
  if (why === "cancelled" || why === "machine-gone")
    return { kind: last.kind === "waited" && why === "cancelled" ? "silent" : why };
  if (last.kind === "closed") return { kind: "withdrawn" };
  if (why === "agent-gone") throw agentFault(name, "took the script and fell silent.");
  return awaitWord(host, parts);
}

/** Somebody has opened the answers and said nothing yet: it may be about to begin the script. */
async function awaitWord(host: Host, parts: Ask): Promise<Asked> {
  const { answers, watch } = parts;
  while (true) {
    const answer = await answers.read({ timeoutMs: LOOK_MS, signal: host.signal });
    if (answer.kind === "line") return awaitStart(parts, answer);
    if (answer.kind === "closed") return { kind: "withdrawn" };
    const why = watch.look("take the script");
    if (why !== undefined) return { kind: why === "cancelled" ? "silent" : why };
  }
}

type Answer = Awaited<ReturnType<AnswerFifo["read"]>>;

/** The agent has taken the request: from now on the answers end with it. */
async function awaitStart(parts: Ask, first: Answer): Promise<Asked> {
  const { name, answers, watch, over } = parts;
  answers.letGo();
  if (first.kind !== "line" || first.text !== "taken") throw nonsense(name, first);
  while (true) {
    const answer = await answers.read({ timeoutMs: LOOK_MS, signal: over });
    if (answer.kind === "line") {
      const session = /^started (\d{1,10})$/.exec(answer.text)?.[1];
      if (session === undefined) throw nonsense(name, answer);
      return { kind: "started", session };
    }
    const why = watch.look("begin the script that it has taken");
    if (over.aborted) return { kind: "silent" };
    if (why === "machine-gone") return { kind: why };
    if (answer.kind === "closed") throw agentFault(name, "took the script and was ended.");
  }
}

export function nonsense(name: MachineName, answer: Answer): RunnerError {
  const said = answer.kind === "line" ? `: "${escapeUntrusted(answer.text, 80)}"` : "";
  return agentFault(name, `answered what makes no sense${said}.`);
}

export function agentFault(name: MachineName, what: string): RunnerError {
  return new RunnerError({
    kind: "system",
    message: `The agent of machine "${name}" ${what}`,
    hints: ["Whoever is root in a machine can end, stop or replace its agent: did the job?"],
  });
}
