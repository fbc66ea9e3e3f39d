import { expect, test } from "bun:test";
import { openComputer } from "../../test/fakes/fake-host.ts";
import { parseMachineName } from "../text/names.ts";
import { idCount, takeIdRange } from "./id-range.ts";
import { RANGES_DIRECTORY } from "./machine-paths.ts";

test("no two machines share an id, whatever runs in them, to the last range of those that nest", () => {
  const { host } = openComputer().start();
  const ranges: { readonly first: number; readonly count: number }[] = [];
  for (const nesting of [true, false]) {
    for (let free = true; free && ranges.length < 700; ) {
      try {
        const name = parseMachineName(`job-${nesting ? "nests" : "plain"}-${ranges.length}`);
        ranges.push({ first: takeIdRange(host, name, { nesting }), count: idCount({ nesting }) });
      } catch {
        free = false;
      }
    }
  }
  expect(ranges.filter(({ count }) => count === 262_144)).toHaveLength(510);
  const sorted = ranges.toSorted((one, other) => one.first - other.first);
  for (const [index, { first }] of sorted.entries()) {
    const before = sorted[index - 1];
    if (before !== undefined) expect(first).toBeGreaterThanOrEqual(before.first + before.count);
  }
});

test("ids of a machine that a release before has started are nobody else's", () => {
  const { host } = openComputer().start();
  const nesting = { nesting: true };
  const name = parseMachineName("job-1-new");
  const first = takeIdRange(host, name, nesting);
  host.claims.release(RANGES_DIRECTORY, name);
  host.claims.take(RANGES_DIRECTORY, "job-1-old", [String(first + 65_536)]);
  for (let step = 0; step < 509; step += 1) {
    expect(takeIdRange(host, parseMachineName(`job-2-${step}`), nesting)).not.toBe(first);
  }
});
