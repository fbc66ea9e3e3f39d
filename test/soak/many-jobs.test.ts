/** Jobs in a row and at once: the last costs what the first did, and the host is as it was. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { awaitCensus } from "../census/census.ts";
import { formatDifferences } from "../census/diff-census.ts";
import { ask } from "../census/things.ts";
import { cleanUpAfterEach, later, PLACES, scriptFile, start, uniqueName } from "../lab/harness.ts";
import { NETWORKS, runnerOf, takeSettledCensus, warmUp } from "./hosts.ts";
import { openOwner } from "./owner.ts";
import { SOAKS } from "./soaks.ts";

cleanUpAfterEach();

const IN_A_ROW = SOAKS ? 200 : 32;
const AT_ONCE = SOAKS ? 16 : 8;
const LIMIT_MS = 60_000 + IN_A_ROW * 10_000;

/** PID 1's heap breathes: a job's worth of units is made and freed. */
const MEMORY_GROWTH_KB = 1024;
/** Of the medians of the last and the first quarter; a leak of time grows without end. */
const SLOWER_MAX = 1.5;

const owner = openOwner();
beforeAll(() => warmUp(owner), LIMIT_MS);
afterAll(() => owner.end());

/** The kinds of jobs, so that each quarter has the same. */
const KINDS = PLACES.flatMap((place) => NETWORKS.map((network) => ({ place, network })));

/** Takes the job's whole time; fails the test when one of its calls fails. */
async function runJob(index: number): Promise<number> {
  const kind = KINDS[index % KINDS.length];
  if (kind === undefined) throw new Error("There is no storage.");
  const name = uniqueName();
  const { environment } = runnerOf(kind.place, kind.network);
  const call = (...argv: string[]) =>
    start(["nspawn-runner", ...argv], {
      ...environment,
      NSPAWN_RUNNER_OWNER: String(owner.pid),
    }).ended;
  const startedAt = performance.now();
  later(() => call("cleanup", "--id", name));
  expect(await call("prepare", "--id", name, "trixie")).toMatchObject({ code: 0 });
  for (const number of [1, 2, 3]) {
    const ended = await call("run", "--id", name, scriptFile(`echo script ${number}`));
    expect(ended).toMatchObject({ code: 0, stdout: `script ${number}\n`, stderr: "" });
  }
  expect(await call("cleanup", "--id", name)).toMatchObject({ code: 0, stderr: "" });
  return performance.now() - startedAt;
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0;
}

/** What a leak too small to have a name would make grow. */
function readLevels(): { readonly memoryKb: number; readonly inodes: number } {
  const status = readFileSync("/proc/1/status", "utf8");
  return {
    memoryKb: Number(/^RssAnon:\s+(\d+)/m.exec(status)?.[1]),
    inodes: Number(ask("df", "--output=iused", "/run").split("\n")[1]),
  };
}

test(
  `${IN_A_ROW} jobs in a row leave nothing, and the last are as fast as the first`,
  async () => {
    const before = takeSettledCensus();
    const levels = [];
    const times: number[] = [];
    for (let index = 0; index < IN_A_ROW; index += 1) {
      times.push(await runJob(index));
      if ((index + 1) % (IN_A_ROW / 4) === 0) levels.push(readLevels());
    }
    expect(formatDifferences(await awaitCensus(before, takeSettledCensus))).toBe("");
    const quarter = IN_A_ROW / 4;
    const [first, last] = [median(times.slice(0, quarter)), median(times.slice(-quarter))];
    console.log({ firstQuarterMs: Math.round(first), lastQuarterMs: Math.round(last), levels });
    expect(last / first).toBeLessThan(SLOWER_MAX);
    expect((levels.at(-1)?.memoryKb ?? 0) - (levels[0]?.memoryKb ?? 0)).toBeLessThan(
      MEMORY_GROWTH_KB,
    );
  },
  LIMIT_MS,
);

test(
  `${AT_ONCE} jobs at once leave nothing`,
  async () => {
    const before = takeSettledCensus();
    const times = await Promise.all(Array.from({ length: AT_ONCE }, (_, index) => runJob(index)));
    console.log({ medianMs: Math.round(median(times)), longestMs: Math.round(Math.max(...times)) });
    expect(formatDifferences(await awaitCensus(before, takeSettledCensus))).toBe("");
  },
  LIMIT_MS,
);
