import { expect, test } from "bun:test";
import { closeSync, fstatSync, openSync } from "node:fs";
import { isJournalStream } from "./journal-stream.ts";

test("a descriptor is the journal's when the variable names what it leads to", () => {
  const fd = openSync("/dev/null", "w");
  const { dev, ino } = fstatSync(fd, { bigint: true });
  expect(isJournalStream(fd, `${dev}:${ino}`)).toBe(true);
  // As in what a service starts with an output of its own.
  expect(isJournalStream(fd, `${dev}:${ino + 1n}`)).toBe(false);
  expect(isJournalStream(fd, undefined)).toBe(false);
  closeSync(fd);
  expect(isJournalStream(fd, `${dev}:${ino}`)).toBe(false);
});
