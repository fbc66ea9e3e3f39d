/**
 * How the deleter gives way: while machines are being prepared it stands still, for every snapshot
 * commits what it has changed in the file system by then. But not for ever: a host that always
 * prepares deletes all the same, a fifth of the time.
 */
import type { Host } from "../host/host.ts";
import { WAITS } from "../host/waits.ts";

/** Standing still for this many milliseconds costs one of work, once the patience is used up. */
const STAND_TO_WORK = 4;

export interface Turn {
  readonly standing: boolean;
  /** How long it may stand still yet. */
  readonly patienceMs: number;
  /** Its patience was used up, and is not whole again: it works whatever others do. */
  readonly weary: boolean;
}

export const FIRST_TURN: Turn = {
  standing: false,
  patienceMs: WAITS.givingWay.ms,
  weary: false,
};

/** What it does from now on, `passedMs` after it was last planned. Pure. */
export function planTurn(
  turn: Turn,
  { busy, passedMs }: { readonly busy: boolean; readonly passedMs: number },
): Turn {
  const whole = WAITS.givingWay.ms;
  const patienceMs = turn.standing
    ? Math.max(turn.patienceMs - passedMs, 0)
    : Math.min(turn.patienceMs + passedMs * STAND_TO_WORK, whole);
  const weary = patienceMs === 0 || (turn.weary && patienceMs < whole);
  return { standing: busy && !weary, patienceMs, weary };
}

/** A host whose commands stand still while something is being prepared, as `isBusy` says, in turns. */
export function givingWay<Given extends Pick<Host, "processes" | "clock">>(
  host: Given,
  isBusy: () => boolean,
): Given {
  const isToStand = openTurns(host.clock, isBusy);
  const { run } = host.processes;
  return {
    ...host,
    processes: {
      ...host.processes,
      run: (argv, options) => run(argv, { ...options, isToStand }),
    },
  };
}

/** Asked again and again, it says whether to stand still. */
export function openTurns(clock: Pick<Host["clock"], "elapsedMs">, isBusy: () => boolean) {
  let turn = FIRST_TURN;
  let askedMs = clock.elapsedMs();
  return (): boolean => {
    const nowMs = clock.elapsedMs();
    turn = planTurn(turn, { busy: isBusy(), passedMs: nowMs - askedMs });
    askedMs = nowMs;
    return turn.standing;
  };
}
