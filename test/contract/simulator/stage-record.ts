/** What is known of a call that has ended, for tests to look at. */
import type { Call, CallEnd } from "./call.ts";

export interface StageRecord {
  readonly name: string;
  /** The driver's exit code, the signal it died of, or "not-killed". */
  readonly exit: number | string;
  readonly ms: number;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  /** Both in the order they were read. */
  readonly output: Buffer;
}

export function recordOf(
  name: string,
  facts: { readonly end: CallEnd; readonly call: Call; readonly ms: number },
): StageRecord {
  const { end, call } = facts;
  return {
    name,
    exit: exitOf(end),
    ms: Math.round(facts.ms),
    stdout: call.stdout(),
    stderr: call.stderr(),
    output: call.output(),
  };
}

function exitOf(end: CallEnd): number | string {
  switch (end.kind) {
    case "exited":
      return end.code;
    case "signalled":
      return end.signal;
    case "not-killed":
      return end.kind;
  }
}
