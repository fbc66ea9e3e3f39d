/** The deleter gives way to whoever prepares, and deletes all the same on a host that always does. */
import { expect, test } from "bun:test";
import { WAITS } from "../host/waits.ts";
import { FIRST_TURN, openTurns, planTurn, type Turn } from "./give-way.ts";

const LOOK_MS = 10;

/** How long it works and stands still, in turns, while `busy` says so; as "+ 10" and "- 10". */
function follow(forMs: number, busy: (ms: number) => boolean): string[] {
  const spans: { standing: boolean; ms: number }[] = [];
  let turn: Turn = FIRST_TURN;
  for (let ms = 0; ms < forMs; ms += LOOK_MS) {
    turn = planTurn(turn, { busy: busy(ms), passedMs: ms === 0 ? 0 : LOOK_MS });
    const last = spans.at(-1);
    if (last?.standing === turn.standing) last.ms += LOOK_MS;
    else spans.push({ standing: turn.standing, ms: LOOK_MS });
  }
  return spans.map(({ standing, ms }) => `${standing ? "stands" : "works"} ${ms}`);
}

const WHOLE = WAITS.givingWay.ms;

test("stands still for as long as something is prepared", () => {
  const busy = (ms: number): boolean => ms >= 100 && ms < 400;
  expect(follow(600, busy)).toEqual(["works 100", "stands 300", "works 200"]);
});

test("works a fifth of the time when something always is", () => {
  expect(follow(WHOLE * 2.5, () => true)).toEqual([
    `stands ${WHOLE}`,
    `works ${WHOLE / 4}`,
    `stands ${WHOLE}`,
    `works ${WHOLE / 4}`,
  ]);
});

test("works as much where one preparation comes shortly after the other", () => {
  const spans = follow(WHOLE * 10, (ms) => ms % 200 !== 0);
  const worked = spans.flatMap((span) => (span.startsWith("works") ? Number(span.slice(6)) : []));
  expect(worked.reduce((sum, ms) => sum + ms, 0)).toBeGreaterThan(WHOLE * 1.8);
});

test("counts by the clock, however seldom it is asked", () => {
  let nowMs = 0;
  const turns = openTurns({ elapsedMs: () => nowMs }, () => true);
  expect(turns()).toBe(true);
  nowMs += WHOLE + 1;
  expect(turns()).toBe(false);
  nowMs += WHOLE / 4;
  expect(turns()).toBe(true);
});
