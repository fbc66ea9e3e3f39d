/** Which images with added packages go. Pure. */

export interface Extended {
  readonly key: string;
  /** The tree that it was made from is what new jobs of that image get. */
  readonly baseIsCurrent: boolean;
  /** Whether a machine was cloned from it. */
  readonly used: boolean;
  readonly lastUsedMs: number;
  /** What it takes besides its base. */
  readonly addedBytes: number;
}

export interface ExtendedLimits {
  readonly count: number;
  readonly bytes: number;
}

/**
 * Keys of those to remove: all whose base has changed, then the least recently used until the rest
 * is within the limits. Used ones never go.
 */
export function planForgetting(
  all: readonly Extended[],
  limits: ExtendedLimits,
): readonly string[] {
  const removed = all.filter((one) => !one.baseIsCurrent && !one.used);
  const rest = all.filter((one) => one.baseIsCurrent || one.used);
  let bytes = rest.reduce((sum, one) => sum + one.addedBytes, 0);
  let count = rest.length;
  for (const one of rest.toSorted((a, b) => a.lastUsedMs - b.lastUsedMs)) {
    if (count <= limits.count && bytes <= limits.bytes) break;
    if (one.used) continue;
    removed.push(one);
    bytes -= one.addedBytes;
    count -= 1;
  }
  return removed.map((one) => one.key);
}
