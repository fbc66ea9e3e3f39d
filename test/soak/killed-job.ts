/** One whole job as GitLab Runner would run it, with one kill in it. */
import { type Ended, type Runner, type Started, uniqueName } from "../lab/harness.ts";
import { judgeCall, judgeRun, startCall, verdictOf, wholeScript } from "./calls.ts";
import { type Owner, openOwner } from "./owner.ts";
import type { Phase, PlannedJob } from "./plan-kills.ts";
import { findVictims } from "./victims.ts";

export interface JobReport {
  /** Nobody of that kind may have been there at the time. */
  readonly killed: boolean;
  /** From the kill of a machine to the end of the `run` that it was under. */
  readonly answerMs: number | undefined;
  readonly faults: readonly string[];
}

/** How long a phase of an image's jobs took last: a kill comes at a part of that. */
export type Spans = Map<string, number>;

interface Job {
  readonly runner: Runner;
  readonly plan: PlannedJob;
  readonly machine: string;
  readonly owner: Owner;
  readonly spans: Spans;
  readonly faults: string[];
  /** When the victim was killed. */
  killedAt: number | undefined;
  answerMs: number | undefined;
}

/** `shared` is a runner that lives on, for jobs whose runner does. */
export async function runKilledJob(
  runner: Runner,
  plan: PlannedJob,
  options: { readonly shared: Owner; readonly spans: Spans },
): Promise<JobReport> {
  await using own = openOwner();
  const job: Job = {
    runner,
    plan,
    machine: `${uniqueName()}-job-${plan.number}`,
    owner: hasCleanup(plan) ? options.shared : own,
    spans: options.spans,
    faults: [],
    killedAt: undefined,
    answerMs: undefined,
  };
  if (await prepare(job)) await runScripts(job);
  if (plan.end === "cleanup") await callStage(job, "cleanup", ["cleanup", "--id", job.machine]);
  await own.end();
  if (plan.kill.phase === "afterwards") await strike(job, "afterwards", undefined);
  const { killedAt, answerMs, faults } = job;
  return { killed: killedAt !== undefined, answerMs, faults };
}

/** A cleanup that is killed may not have begun: whose runner lives on keeps its machine. */
function hasCleanup({ end, kill }: PlannedJob): boolean {
  return end === "cleanup" && kill.phase !== "cleanup";
}

/** GitLab Runner calls it up to three times (CI_PREPARE_ATTEMPTS), as long as it lives. */
const PREPARE_TRIES = 3;

async function prepare(job: Job): Promise<boolean> {
  for (let attempt = 1; attempt <= PREPARE_TRIES; attempt += 1) {
    const argv = ["prepare", "--id", job.machine, job.plan.image];
    const { ended } = await callStage(job, "prepare", argv);
    if (ended.code === 0) return true;
    if (runnerIsDead(job)) return false;
    if (attempt > 1) job.faults.push(`prepare ${attempt}: failed again: ${ended.stderr.trim()}`);
  }
  return false;
}

async function runScripts(job: Job): Promise<void> {
  for (const [index, code] of job.plan.codes.entries()) {
    if (runnerIsDead(job)) return;
    const phase = `run ${index + 1}` as Phase; // there are three codes
    const mark = `${job.machine}-${index}`;
    const script = wholeScript(mark, code);
    const { ended, codeFile } = await callStage(job, phase, ["run", "--id", job.machine, script]);
    job.faults.push(...judgeRun(ended, { codeFile, mark, code }));
    if (ended.code !== 0) return;
  }
}

function runnerIsDead({ plan, killedAt }: Job): boolean {
  return plan.end === "the runner dies at once" && killedAt !== undefined;
}

async function callStage(
  job: Job,
  phase: Phase,
  argv: readonly string[],
): Promise<{ readonly ended: Ended; readonly codeFile: string }> {
  const { started, codeFile } = startCall(job.runner, job.owner.pid, argv);
  const strikes = phase === job.plan.kill.phase && job.killedAt === undefined;
  const striking = strikes ? strike(job, phase, started) : undefined;
  const ended = await started.ended;
  const endedAt = performance.now();
  await striking;
  if (job.killedAt === undefined) job.spans.set(spanOf(job, phase), ended.ms);
  else if (strikes && isDeadly(job) && phase.startsWith("run"))
    job.answerMs = endedAt - job.killedAt;
  const disturbed = job.killedAt !== undefined;
  job.faults.push(...judgeCall(ended, { disturbed }).map((fault) => `${phase}: ${fault}`));
  if (phase === "cleanup" && !["success", "killed"].includes(verdictOf(ended) ?? "")) {
    job.faults.push(`cleanup: ends with ${ended.code}: ${ended.stderr.trim()}`);
  }
  return { ended, codeFile };
}

function isDeadly({ plan }: Job): boolean {
  const { victim } = plan.kill;
  return victim === "nspawn" || victim === "the machine's PID 1";
}

const SPAN_GUESS_MS = 300;
/** No phase takes as long as its last time each time: later moments would come too late too often. */
const SPAN_PART = 0.85;
const LOOK_MS = 2;
const AFTERWARDS_MS = 3000;

const spanOf = ({ plan }: Job, phase: Phase): string => `${plan.image} ${phase}`;

/**
 * Kills the victim at its moment, or as soon as it is there; not any more when the phase is over.
 * Nobody is told when another's process begins: it looks until then.
 */
async function strike(job: Job, phase: Phase, call: Started | undefined): Promise<void> {
  let over = false;
  const watching = call?.ended.then(() => {
    over = true;
  });
  const { victim, moment } = job.plan.kill;
  await Promise.race([
    watching ?? new Promise(() => {}),
    Bun.sleep(moment * SPAN_PART * (job.spans.get(spanOf(job, phase)) ?? SPAN_GUESS_MS)),
  ]);
  const until = performance.now() + AFTERWARDS_MS;
  while (!over && (call !== undefined || performance.now() < until)) {
    const [pid] = findVictims(victim, { machine: job.machine, driver: call?.pid });
    if (pid !== undefined && kill(pid)) {
      job.killedAt = performance.now();
      if (job.plan.end === "the runner dies at once") await job.owner.end();
      return;
    }
    await Bun.sleep(LOOK_MS);
  }
}

/** False when it has just ended by itself. */
function kill(pid: number): boolean {
  try {
    process.kill(pid, "SIGKILL");
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ESRCH") return false;
    throw error;
  }
}
