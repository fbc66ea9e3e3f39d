/**
 * Random SIGKILLs of whoever takes part in a job, at random moments, on every storage and network,
 * half of them without any cleanup: afterwards the host is as it was, and no verdict was false.
 * `script/test --soak` does it a thousand times. To repeat an order:
 *
 *     script/lab run -e NSPAWN_RUNNER_SOAK_SEED=SEED bun test ./test/soak/kill-loop.test.ts
 */
import { expect, test } from "bun:test";
import { cleanUpAfterEach } from "../lab/harness.ts";
import { runKillLoop } from "./kill-loop.ts";
import { planKills } from "./plan-kills.ts";
import { SOAKS } from "./soaks.ts";

cleanUpAfterEach();

const COUNT = Number(process.env.NSPAWN_RUNNER_SOAK_KILLS ?? (SOAKS ? 1000 : 40));
/** Some victims are not there at their moment. */
const JOBS_PER_KILL = 3;
const SEED = Number(process.env.NSPAWN_RUNNER_SOAK_SEED ?? Math.floor(Math.random() * 1e9));
/** `run` answers that soon after the kill of its machine, which the kernel needs a part of. */
const ANSWER_MS = 2000;
const JOB_MAX_MS = 10_000;

const LIMIT_MS = 60_000 + COUNT * JOB_MAX_MS;

test(
  `${COUNT} kills (seed ${SEED}) leave nothing, and no false verdict`,
  async () => {
    const { kills, missed, answersMs, faults } = await runKillLoop(
      planKills(SEED, COUNT * JOBS_PER_KILL),
      COUNT,
    );
    const answers = answersMs.toSorted((one, other) => one - other);
    const slow = answers.filter((ms) => ms > ANSWER_MS).map((ms) => `run answers after ${ms} ms`);
    console.log({ kills: Object.fromEntries(kills), missed, answers: answers.length });
    console.log({ medianMs: answers[Math.floor(answers.length / 2)], worstMs: answers.at(-1) });
    expect([...faults, ...slow].join("\n")).toBe("");
  },
  LIMIT_MS,
);
