import { expect, test } from "bun:test";
import { parseDurationSeconds } from "./duration.ts";

test.each([
  ["3600", 3600],
  ["1h", 3600],
  ["1h 30m", 5400],
  ["1 hour and 30 minutes", 5400],
  ["90 minutes", 5400],
  ["2h20min", 8400],
  ["1 day", 86_400],
  ["1 week", 604_800],
  ["1 month", 2_629_746],
  ["0.5h", 1800],
  ["30 sec", 30],
  ["soon", undefined],
  ["1 fortnight", undefined],
  ["", undefined],
])("%p is %p seconds", (text, seconds) => {
  expect(parseDurationSeconds(text)).toBe(seconds as number);
});
