/** Whatever text comes to a door: a value, or an error that says what is wrong with it; and soon. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { RunnerError } from "../../src/text/errors.ts";
import { formatError } from "../../src/text/format-error.ts";
import { ONE_MAX_MS, TEXTS, withinMemory } from "./amount.ts";
import { KEPT } from "./kept.ts";
import { mutated } from "./mutate.ts";
import { TEXT_DOORS, type TextDoor } from "./text-doors.ts";

/** Anything but letters, signs and ends of lines, in a few words: escape.test.ts knows all. */
const UNSAFE = /(?!\n)[\p{Cc}\u202e]/u;

async function take({ take: open, neverThrows, mayThrow }: TextDoor, text: string): Promise<void> {
  const startedAt = performance.now();
  try {
    await open(text);
  } catch (error) {
    if (mayThrow?.(error) === true) return;
    if (!(error instanceof RunnerError) || neverThrows) throw error;
    // Told to whoever made the mistake, in their terminal.
    expect(formatError(error, { debug: false })).not.toMatch(UNSAFE);
  }
  expect(performance.now() - startedAt).toBeLessThan(ONE_MAX_MS);
  expect(Object.keys({}.constructor.prototype)).toEqual([]);
}

describe("a door", () => {
  test.each(TEXT_DOORS.map((door) => [door.name, door] as const))(
    "for %s",
    async (name, door) => {
      for (const text of KEPT[name] ?? []) await take(door, text);
      for (const text of door.samples) await door.take(text);
      await withinMemory(() =>
        fc.assert(
          fc.asyncProperty(mutated(door.samples), (text) => take(door, text)),
          { numRuns: TEXTS },
        ),
      );
    },
    600_000,
  );
});
