/** How much is tried, and what a try may take. */
import { SOAKS } from "../soak/soaks.ts";

/** 100,000 inputs in `script/test`, a million in a soak, over all doors. */
const FACTOR = SOAKS ? 10 : 1;
export const TEXTS = 3600 * FACTOR;
export const JOBS = 1500 * FACTOR;

/** Of one input, on a computer with other things to do. */
export const ONE_MAX_MS = 1000;
/** Of all inputs of a door, kept. What is garbage may still be counted. */
export const GROWTH_MAX_BYTES = 256 * 1024 * 1024;

/** Runs that, and throws when what it leaves behind is too large. */
export async function withinMemory(act: () => unknown): Promise<void> {
  Bun.gc(true);
  const before = process.memoryUsage().rss;
  await act();
  Bun.gc(true);
  const growth = process.memoryUsage().rss - before;
  if (growth > GROWTH_MAX_BYTES) throw new Error(`${growth} bytes more are in use than before`);
}
