/** What becomes of a step when we are told to end: SIGTERM to its session, SIGKILL, no more waiting. */
import type { Host } from "../host/host.ts";
import { WAITS } from "../host/waits.ts";
import type { MachineName } from "../text/names.ts";
import { machinePaths } from "./machine-paths.ts";

export interface StepCancel extends Disposable {
  /** The script runs, in this session: it gets the signals that are due, and those to come. */
  started(session: string): void;
  /** Whether its session was sent SIGKILL. */
  readonly killed: boolean;
  /** Aborts when the agent has had its time, whatever it does. */
  readonly over: AbortSignal;
}

/** Acts once the host's signal aborts. */
export function openStepCancel(host: Host, name: MachineName): StepCancel {
  const over = new AbortController();
  const timers: ReturnType<typeof setTimeout>[] = [];
  let session: string | undefined;
  let due: "TERM" | "KILL" | undefined;
  let killed = false;
  const send = (): void => {
    if (session === undefined || due === undefined) return;
    killed ||= due === "KILL";
    // Nothing to be done here where nobody takes it: the time runs out all the same.
    host.fifos.writeLine(machinePaths(name).request, `signal ${session} ${due}`);
  };
  const after = (ms: number, act: () => void): void => void timers.push(setTimeout(act, ms));
  const cancel = (): void => {
    due = "TERM";
    send();
    after(WAITS.scriptAfterTerm.ms, () => {
      due = "KILL";
      send();
    });
    after(WAITS.scriptAfterTerm.ms + WAITS.agentAfterKill.ms, () => over.abort());
  };
  host.signal.addEventListener("abort", cancel, { once: true });
  if (host.signal.aborted) cancel();
  return {
    started: (running) => {
      session = running;
      send();
    },
    get killed() {
      return killed;
    },
    over: over.signal,
    [Symbol.dispose]: () => {
      for (const timer of timers) clearTimeout(timer);
      host.signal.removeEventListener("abort", cancel);
    },
  };
}
