/** A span of a job that a cancel or a time-out ends: an AbortSignal whose reason is a failure. */
import type { Failure } from "./verdict.ts";

export interface Scope extends Disposable {
  readonly signal: AbortSignal;
  /** Why it ended; nothing while it goes on. */
  failure(): Failure | undefined;
  cancel(): void;
}

const CANCELED: Failure = { kind: "canceled", message: "canceled" };

/** Ends with its parent, after its time, or when it is cancelled: whichever is first. */
export function openScope(facts: {
  readonly name: string;
  readonly parent?: Scope;
  readonly timeoutMs?: number | undefined;
}): Scope {
  const controller = new AbortController();
  let ended: Failure | undefined;
  const end = (failure: Failure | undefined): void => {
    ended ??= failure;
    controller.abort();
  };
  const followParent = (): void => end(facts.parent?.failure());
  facts.parent?.signal.addEventListener("abort", followParent, { once: true });
  if (facts.parent?.signal.aborted === true) followParent();
  const message = `${facts.name} took longer than ${facts.timeoutMs} ms`;
  const timer =
    facts.timeoutMs === undefined
      ? undefined
      : setTimeout(() => end({ kind: "timeout", message }), facts.timeoutMs);
  return {
    signal: controller.signal,
    failure: () => ended,
    cancel: () => end(CANCELED),
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      facts.parent?.signal.removeEventListener("abort", followParent);
    },
  };
}
