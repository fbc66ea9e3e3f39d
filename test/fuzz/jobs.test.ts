/**
 * Whatever a job is and says, on the fake host: a stage ends with a result or an error, in time, and
 * nothing of it is anywhere but in its own places, nor in what the host is asked to do.
 */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { configAction } from "../../src/cli/config.ts";
import { prepareAction } from "../../src/cli/prepare.ts";
import { runAction } from "../../src/cli/run.ts";
import { exitCodeOf, outcomeOf, readExitCodes } from "../../src/job/exit-codes.ts";
import { machinePaths } from "../../src/machine/machine-paths.ts";
import { RunnerError } from "../../src/text/errors.ts";
import { parseMachineName } from "../../src/text/names.ts";
import type { FakeComputer, FakeProcess } from "../fakes/fake-host.ts";
import { cleanup, MACHINE, openPlace, prepare, ROOT, run } from "../sweep/sweep.ts";
import { JOBS, ONE_MAX_MS, withinMemory } from "./amount.ts";
import { mutated } from "./mutate.ts";
import { TEXT_DOORS } from "./text-doors.ts";

const [RESPONSE] = TEXT_DOORS;
const RESPONSE_FILE = "/response";
/** Where a job may leave something on the host. */
const PLACES = [`${ROOT}/.`, "/run/nspawn-runner", RESPONSE_FILE];

type Environment = Readonly<Record<string, string>>;

/** Lines of what lies outside of a job's places. */
const outside = ({ disk }: FakeComputer): string[] =>
  disk.describe("/").filter((line) => {
    const path = line.split(" ", 1)[0]?.replace(/^\/\//, "/") ?? "";
    return !PLACES.some((place) => path.startsWith(place));
  });

async function expectHarmless(
  computer: FakeComputer,
  process: FakeProcess,
  act: (process: FakeProcess) => Promise<unknown>,
): Promise<void> {
  const before = outside(computer);
  const startedAt = performance.now();
  try {
    await act(process);
  } catch (error) {
    if (!(error instanceof RunnerError)) throw error;
    expect([1, 2]).toContain(exitCodeOf(outcomeOf(error), readExitCodes({})));
  }
  expect(performance.now() - startedAt).toBeLessThan(ONE_MAX_MS);
  // The word that all hostile tokens hold is no name of anything here.
  expect(process.effects.filter((effect) => effect.includes("kanari"))).toEqual([]);
  expect(outside(computer)).toEqual(before);
}

const context = ({ host }: FakeProcess) => ({ host, version: "0" });

/** `config`, then `prepare`, then its end, of a job that GitLab Runner hands over so. */
async function tryJob(response: string | undefined, environment: Environment): Promise<void> {
  const computer = openPlace({ kind: "overlay", image: "generations" });
  if (response !== undefined) {
    computer.disk.create("open", RESPONSE_FILE, { kind: "file", mode: 0o600, text: response });
  }
  const own = response === undefined ? {} : { JOB_RESPONSE_FILE: RESPONSE_FILE };
  const start = () => computer.start({ environment: { ...environment, ...own } });
  await expectHarmless(computer, start(), (process) => configAction(context(process), {}));
  await expectHarmless(computer, start(), (process) =>
    prepareAction(context(process), undefined, { id: MACHINE, defaultImage: "debian" }),
  );
  await run(computer, cleanup);
}

const LONG_MS = 600_000;

describe("a job", () => {
  test(
    "of any response",
    () =>
      withinMemory(() =>
        fc.assert(
          fc.asyncProperty(mutated(RESPONSE?.samples ?? []), (text) => tryJob(text, {})),
          { numRuns: JOBS },
        ),
      ),
    LONG_MS,
  );

  const NAMES = [
    ...["CI_JOB_ID", "CI_JOB_IMAGE", "CI_JOB_TIMEOUT", "NSPAWN_PACKAGES", "NSPAWN_MEMORY"],
    ...["NSPAWN_CPUS", "NSPAWN_DISK", "CI_SERVER_URL", "CI_PROJECT_PATH"],
  ].map((name) => `CUSTOM_ENV_${name}`);
  const OTHERS = [
    ...["PATH", "LD_PRELOAD", "BUN_OPTIONS", "NODE_OPTIONS", "NOTIFY_SOCKET", "SYSTEMD_LOG_LEVEL"],
    ...["BUILD_FAILURE_EXIT_CODE", "SYSTEM_FAILURE_EXIT_CODE", "CUSTOM_ENV_PATH", "__proto__"],
  ];
  const values = mutated(["4711", "debian", "3600", "../debian", "2G", "https://gitlab.example"]);

  test(
    "of any variables",
    () =>
      withinMemory(() =>
        fc.assert(
          fc.asyncProperty(
            fc.dictionary(fc.constantFrom(...NAMES, ...OTHERS), values),
            fc.constantFrom(undefined, RESPONSE?.samples[0]),
            (variables, response) => {
              const { CUSTOM_ENV_NSPAWN_PACKAGES: packages, ...others } = variables;
              // Good names are installed, which is another story.
              const asked =
                packages === undefined ? {} : { CUSTOM_ENV_NSPAWN_PACKAGES: `${packages} %` };
              return tryJob(response, { ...others, ...asked });
            },
          ),
          { numRuns: JOBS },
        ),
      ),
    LONG_MS,
  );
});

/** A machine whose agent answers with these lines, and its script's output with that. */
async function openLyingAgent(answers: readonly string[], output: string): Promise<FakeComputer> {
  const computer = openPlace({ kind: "overlay", image: "directory" });
  await run(computer, prepare);
  const { control, request } = machinePaths(parseMachineName(MACHINE));
  const node = computer.disk.look(request, false);
  if (node?.kind !== "fifo") throw new Error("the machine has no agent");
  node.onLine = (line) => {
    const [, step, ask] = /^run (\S+) (\S+)$/.exec(line) ?? [];
    const tell = (name: string, lines: readonly string[]): void => {
      const fifo = computer.disk.look(`${control}/steps/${step}/${name}`, false);
      if (fifo?.kind === "fifo") fifo.lines.push(...lines);
    };
    tell("output", [output]);
    tell(`result-${ask}`, answers);
  };
  computer.disk.create("open", "/script", { kind: "file", mode: 0o700, text: "0" });
  return computer;
}

const answer = mutated(["taken", "started 1700", "exited 0", "exited 255", "taken\nstarted 17"]);
const answers = fc.oneof(
  fc.array(answer, { maxLength: 4 }),
  fc.tuple(fc.constant("taken"), fc.constant("started 17"), answer),
  fc.tuple(fc.constant("taken"), answer, fc.constant("exited 0")),
);

test(
  "an agent of any answers is believed only what one can say",
  () =>
    withinMemory(() =>
      fc.assert(
        fc.asyncProperty(answers, mutated(["ok\n"]), async (lines, output) => {
          const computer = await openLyingAgent(lines, output);
          const process = computer.start();
          let end: unknown = "failed";
          await expectHarmless(computer, process, async (one) => {
            end = await runAction(context(one), "/script", undefined, { id: MACHINE });
          });
          const well = lines[0] === "taken" && /^started \d{1,10}$/.test(lines[1] ?? "");
          if (end === "success") expect([well, lines[2]]).toEqual([true, "exited 0"]);
          // What the script said is its own.
          expect(["", Buffer.from(output).toString()]).toContain(process.printed.join(""));
        }),
        { numRuns: JOBS / 5 },
      ),
    ),
  LONG_MS,
);
