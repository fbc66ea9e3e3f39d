import { expect, test } from "bun:test";
import { openLog } from "./log.ts";
import { openProcesses } from "./processes.ts";

const log = openLog({ level: "quiet", write: () => {}, sendToJournal: () => {} });
const processes = openProcesses({
  log,
  environment: { PATH: process.env.PATH ?? "" },
  signal: new AbortController().signal,
});
const LIMITS = { maxBytes: 1_000_000, wait: { ms: 10_000 } };

// Thirty times each: whether a write fails at once or later is for chance to say.
test.each([
  ["much at once", "head -c 300000 /dev/zero"],
  ["little by little", "echo x; sleep 0.01; echo y"],
])(
  "a reader that goes at once, from a writer of %s, is a result and no fault",
  async (_t, from) => {
    for (let round = 0; round < 30; round += 1) {
      const ended = await processes.pipe({ argv: ["sh", "-c", from] }, { argv: ["false"] }, LIMITS);
      expect(ended.to.exitCode).toBe(1);
    }
  },
);
