/** Durations as GitLab Runner's variables have them ("90s", "1h30m"), and waiting. */

const UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** Nothing for an absent, malformed, negative or zero duration: GitLab Runner ignores those. */
export function parseDurationMs(text: string | undefined): number | undefined {
  if (text === undefined || !/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) return undefined;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  const total = parts.reduce(
    (sum, [, n, unit]) => sum + Number(n) * (UNITS_MS[unit ?? ""] ?? 0),
    0,
  );
  return total > 0 ? total : undefined;
}

/** Resolves after the time, or as soon as the signal is aborted. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const wake = (): void => resolve();
  if (signal?.aborted === true) wake();
  signal?.addEventListener("abort", wake, { once: true });
  return promise.finally(() => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", wake);
  });
}
