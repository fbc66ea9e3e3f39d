/** Our own words, and whoever does not read them. */
import { expect, test } from "bun:test";
import * as fs from "node:fs";
import { makeFifo } from "./libc.ts";
import { WAITS } from "./waits.ts";
import { writeNow } from "./write-now.ts";

const { O_RDWR, O_NONBLOCK } = fs.constants;

test("a pipe that is full, non-blocking and read by nobody holds us for seconds, idle", () => {
  const directory = fs.mkdtempSync(`${process.env.TMPDIR ?? "/tmp"}/words-`);
  makeFifo(`${directory}/out`, 0o600);
  const fd = fs.openSync(`${directory}/out`, O_RDWR | O_NONBLOCK);
  try {
    const startedAt = performance.now();
    const before = process.cpuUsage();
    writeNow(fd, "x".repeat(1_000_000));
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(WAITS.ownWords.ms);
    const { user, system } = process.cpuUsage(before);
    // Microseconds. It does not spin.
    expect(user + system).toBeLessThan(WAITS.ownWords.ms * 500);
  } finally {
    fs.closeSync(fd);
    fs.rmSync(directory, { recursive: true });
  }
}, 20_000);
