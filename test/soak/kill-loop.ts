/** Whole jobs, several at once, each with a kill in it; and what is left of them all. */
import { awaitCensus } from "../census/census.ts";
import { type Census, type Difference, formatDifferences } from "../census/diff-census.ts";
import { collectAllGarbage, runnerOf, takeSettledCensus, warmUp } from "./hosts.ts";
import { runKilledJob, type Spans } from "./killed-job.ts";
import { type Owner, openOwner } from "./owner.ts";
import { formatPlannedJob, type PlannedJob } from "./plan-kills.ts";

/** Two cores are busy with it. */
const AT_ONCE = 3;
/** After so many jobs the host is looked at: one round of all kinds. */
const BATCH = 16;
/** What nobody cleans up is gone by itself after that. */
const LEFT_MS = 30_000;

export interface KillTally {
  /** By victim. */
  readonly kills: Map<string, number>;
  /** Jobs that went through unharmed: the victim was not there at its moment. */
  missed: number;
  /** How long after a machine's kill the `run` ended that it was under. */
  readonly answersMs: number[];
  /** A paragraph each. */
  readonly faults: string[];
}

/** As many jobs of the plan as it takes for so many kills to hit. */
export async function runKillLoop(jobs: readonly PlannedJob[], kills: number): Promise<KillTally> {
  const tally: KillTally = { kills: new Map(), missed: 0, answersMs: [], faults: [] };
  await using owner = openOwner();
  await warmUp(owner);
  let before = takeSettledCensus();
  const spans: Spans = new Map();
  for (let first = 0; first < jobs.length; ) {
    const missing = kills - (first - tally.missed);
    if (missing <= 0) break;
    const batch = jobs.slice(first, first + Math.min(BATCH, missing));
    first += batch.length;
    await runBatch(batch, { owner, spans, tally });
    const left = await findLeft(before);
    // An hour is long to wait for a word.
    const { missed, faults } = tally;
    console.error(`${first} jobs, ${first - missed} kills, ${faults.length + left.length} faults`);
    if (left.length === 0) continue;
    tally.faults.push(`After\n  ${batch.map(formatPlannedJob).join("\n  ")}`, ...left);
    console.error(left.join("\n"));
    // What is left once is told once.
    before = takeSettledCensus();
  }
  return tally;
}

async function runBatch(
  batch: readonly PlannedJob[],
  { owner, spans, tally }: { owner: Owner; spans: Spans; tally: KillTally },
): Promise<void> {
  const waiting = [...batch];
  const work = async (): Promise<void> => {
    for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) {
      const runner = runnerOf(job.place, job.network);
      const report = await runKilledJob(runner, job, { shared: owner, spans });
      const { victim } = job.kill;
      if (report.killed) tally.kills.set(victim, (tally.kills.get(victim) ?? 0) + 1);
      else tally.missed += 1;
      if (report.answerMs !== undefined) tally.answersMs.push(report.answerMs);
      tally.faults.push(...report.faults.map((fault) => `${formatPlannedJob(job)}: ${fault}`));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

/** Nothing is to be left without a gc, within half a minute; nor after one, at once. */
async function findLeft(before: Census): Promise<string[]> {
  const alone = await awaitCensus(before, takeSettledCensus, LEFT_MS);
  const said = await collectAllGarbage();
  const after = await awaitCensus(before, takeSettledCensus);
  return [...tell("left without a gc", alone), ...said, ...tell("left after a gc", after)];
}

function tell(title: string, differences: readonly Difference[]): string[] {
  return differences.length === 0 ? [] : [`${title}:\n${formatDifferences(differences)}`];
}
