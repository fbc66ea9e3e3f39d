/** Which old generations go. Pure. */

export interface KeepRule {
  /** So many old generations are kept besides the current one. */
  readonly count: number;
  /** None that is older than this, counted from its build. */
  readonly days: number;
}

export const KEEP_DEFAULT: KeepRule = { count: 3, days: 30 };

interface Candidate {
  readonly version: string;
  readonly current: boolean;
  readonly pinned: boolean;
  /** Whether a machine was cloned from it. */
  readonly used: boolean;
  readonly builtMs: number;
}

const DAY_MS = 86_400_000;

/**
 * Versions to remove. The current, pinned and used ones never go, and pinned and used ones do not
 * count against `count`. `generations` is oldest first.
 */
export function planRemoval(
  generations: readonly Candidate[],
  rule: KeepRule,
  nowMs: number,
): readonly string[] {
  const free = generations.filter((one) => !one.current && !one.pinned && !one.used).toReversed();
  return free
    .filter((one, index) => index >= rule.count || nowMs - one.builtMs > rule.days * DAY_MS)
    .map((one) => one.version);
}
