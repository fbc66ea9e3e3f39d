/** Files that are no accident: refused, or understood, soon and with little memory. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { readConfig } from "../../src/config/config.ts";
import { openFiles } from "../../src/host/files.ts";
import { openLog } from "../../src/host/log.ts";
import { readJobRequest } from "../../src/job/job-request.ts";
import { MACHINE_STATE } from "../../src/machine/machine-state.ts";
import { readRecord } from "../../src/record/record.ts";
import { RunnerError } from "../../src/text/errors.ts";
import { ONE_MAX_MS, withinMemory } from "./amount.ts";

let path = "";
beforeEach(() => {
  path = `${fs.mkdtempSync(`${tmpdir()}/monstrous-`)}/file`;
});
afterEach(() => fs.rmSync(path.slice(0, -"/file".length), { recursive: true }));

const files = openFiles();
const log = openLog({ level: "quiet", write: () => {}, sendToJournal: () => {} });

/** Each reader of a file of somebody else's, as its command calls it. */
const READERS = {
  "a job response": () => readJobRequest({ files, environment: { JOB_RESPONSE_FILE: path } }),
  "the configuration": () => readConfig({ files, environment: { NSPAWN_RUNNER_CONFIG: path } }),
  "a record": () => readRecord({ files, log }, path, MACHINE_STATE),
};

const write = (text: string): void => fs.writeFileSync(path, text);
const DEPTH = 100_000;
const MAKE: Readonly<Record<string, () => void>> = {
  "100 MB of nothing": () => {
    write("");
    fs.truncateSync(path, 100 * 1024 * 1024);
  },
  "a terabyte of nothing": () => {
    write("");
    fs.truncateSync(path, 2 ** 40);
  },
  "lists 100,000 deep": () => write(`{"id":${"[".repeat(DEPTH)}${"]".repeat(DEPTH)}}`),
  "lists 100,000 deep without an end": () => write(`{"id":${"[".repeat(DEPTH)}`),
  "objects 100,000 deep": () => write(`${'{"image":'.repeat(DEPTH)}1${"}".repeat(DEPTH)}`),
  "a text of 10 MB": () => write(`{"image":{"name":"${"x".repeat(10_000_000)}"}}`),
  "100,000 services": () =>
    write(
      JSON.stringify({ id: 1, services: Array.from({ length: DEPTH }, () => ({ name: "x" })) }),
    ),
  "100,000 keys": () =>
    write(JSON.stringify(Object.fromEntries(Array.from({ length: DEPTH }, (_, at) => [at, at])))),
  "a FIFO": () => expect(Bun.spawnSync(["mkfifo", path]).exitCode).toBe(0),
  "a directory": () => fs.mkdirSync(path),
  "a link to what has no end": () => fs.symlinkSync("/dev/zero", path),
  "a link to itself": () => fs.symlinkSync(path, path),
};

describe.each(Object.entries(READERS))("%s", (_name, read) => {
  test.each(Object.entries(MAKE))("that is %s", async (_what, make) => {
    make();
    await withinMemory(async () => {
      const startedAt = performance.now();
      try {
        await read();
      } catch (error) {
        if (!(error instanceof RunnerError)) throw error;
      }
      expect(performance.now() - startedAt).toBeLessThan(ONE_MAX_MS);
    });
  });
});

describe("a job response", () => {
  const ask = (text: string) => {
    write(text);
    return readJobRequest({ files, environment: { JOB_RESPONSE_FILE: path } });
  };

  test("of one key twice has the last, as GitLab Runner's own parser takes it", () => {
    expect(ask('{"image":{"name":"first"},"image":{"name":"last"}}')?.image).toBe("last");
  });

  test("changes nothing that all objects have, and inherits nothing", () => {
    const request = ask('{"id":1,"__proto__":{"image":{"name":"evil"}},"constructor":{"x":1}}');
    expect(request?.image).toBeUndefined();
    expect(({} as { image?: unknown }).image).toBeUndefined();
  });

  test.each(['{"id":"1"}', '{"image":"x"}', '{"image":{"name":7}}', "[]", "null", "7", ""])(
    "of the wrong kind is refused: %s",
    (text) => {
      expect(() => ask(text)).toThrow(RunnerError);
    },
  );
});
