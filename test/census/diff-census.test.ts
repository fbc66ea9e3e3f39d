/** What differs is named, and what comes and goes by itself is not. */
import { expect, test } from "bun:test";
import { diffCensus, formatDifferences } from "./diff-census.ts";

const units = (...entries: [string, string][]) => ({ units: new Map(entries) });

test.each([
  ["nothing", units(["a.service", "active"]), units(["a.service", "active"]), ""],
  ["a new one", units(), units(["a.slice", "active"]), "units: new: a.slice (active)"],
  ["one that is gone", units(["a.slice", ""]), units(), "units: gone: a.slice"],
  [
    "one that changed",
    units(["a.service", "active"]),
    units(["a.service", "failed"]),
    "units: changed: a.service (active → failed)",
  ],
  ["a chore of the host", units(), units(["systemd-tmpfiles-clean.service", "active"]), ""],
  ["a kind that one look lacks", {}, units(["a.slice", ""]), "units: new: a.slice"],
])("%s", (_title, before, after, text) => {
  expect(formatDifferences(diffCensus(before, after))).toBe(text);
});
