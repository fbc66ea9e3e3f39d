/** What two looks at a host differ in. Pure. */
import type { Things } from "./things.ts";
import { isVolatile } from "./volatile.ts";

/** Kind of thing → the things. */
export type Census = Readonly<Record<string, Things>>;

export interface Difference {
  readonly kind: string;
  readonly name: string;
  /** How it was and how it is; nothing where it was, or is, not there. */
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** Without what comes and goes on a host that runs no job (`volatile.ts`). */
export function diffCensus(before: Census, after: Census): Difference[] {
  const kinds = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...kinds].flatMap((kind) => diffThings(kind, before[kind], after[kind]));
}

/** They time out by themselves: one that was there before may go. */
const ENDING = "tracked connections";

const NOTHING: Things = new Map();

function diffThings(kind: string, before = NOTHING, after = NOTHING): Difference[] {
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((name) => before.get(name) !== after.get(name) && !isVolatile(name))
    .filter((name) => kind !== ENDING || after.has(name))
    .map((name) => ({ kind, name, before: before.get(name), after: after.get(name) }));
}

/** A line for each, for a test to fail with. */
export function formatDifferences(differences: readonly Difference[]): string {
  return differences.map(formatDifference).join("\n");
}

function formatDifference({ kind, name, before, after }: Difference): string {
  const how = (state: string): string => (state === "" ? "" : ` (${state})`);
  if (before === undefined) return `${kind}: new: ${name}${how(after ?? "")}`;
  if (after === undefined) return `${kind}: gone: ${name}${how(before)}`;
  return `${kind}: changed: ${name} (${before} → ${after})`;
}
