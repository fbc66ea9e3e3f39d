/** The `run` stage: one script in the job's machine, its end told as GitLab Runner wants it. */
import type { Host } from "../host/host.ts";
import { WAITS } from "../host/waits.ts";
import { explainDiskLimit } from "../machine/disk-limit.ts";
import { explainHits, hitsSince, readLimitFacts, readLimitHits } from "../machine/limit-hits.ts";
import { machinePaths } from "../machine/machine-paths.ts";
import {
  AGENT_PROTOCOL,
  type MachineEnd,
  readMachineEnd,
  readMachineState,
} from "../machine/machine-state.ts";
import { machineUnits } from "../machine/machine-units.ts";
import { runStep, type StepResult } from "../machine/run-step.ts";
import { readValue } from "../record/record.ts";
import { RunnerError } from "../text/errors.ts";
import type { MachineName } from "../text/names.ts";
import type { Outcome } from "./exit-codes.ts";

/**
 * Runs the script; its exit code goes to `$BUILD_EXIT_CODE_FILE`. Throws a system error when the
 * machine is not there or goes away.
 */
export async function runJobStep(
  host: Host,
  request: {
    readonly name: MachineName;
    readonly script: string;
    readonly stage: string | undefined;
  },
): Promise<Outcome> {
  const { name, script, stage } = request;
  const codeFile = host.environment.BUILD_EXIT_CODE_FILE;
  // One path for the whole job, which GitLab Runner never clears: a stale code would be reported.
  if (codeFile !== undefined) host.files.remove(codeFile);
  const found = readMachineState(host, name);
  if (found.kind === "unreadable") {
    throw new RunnerError({
      kind: "system",
      message: `Cannot use machine "${name}": ${found.reason}.`,
      hints: [`Remove it with "nspawn-runner cleanup --id ${name}"; a new try gets another.`],
    });
  }
  if (found.kind === "absent") {
    throw new RunnerError({
      kind: "system",
      message: `There is no machine "${name}".`,
      hints: ["It was cleaned up, or this host was restarted, or prepare was not called."],
    });
  }
  const state = found.value;
  if (hasEnded(host, name)) return tellEnd(host, name);
  if (state.agent !== AGENT_PROTOCOL) {
    throw new RunnerError({
      kind: "system",
      message: `Machine "${name}" was started by another release of nspawn-runner, whose agent this one cannot talk to.`,
      hints: [
        "Try the job again. Before the next upgrade let GitLab Runner drain: docs/upgrading.md.",
      ],
    });
  }
  const hitsBefore = readLimitHits(host, name);
  const startedMs = host.clock.elapsedMs();
  const result = await stepResult(host, { name, script, idShift: state.idShift, uid: state.uid });
  switch (result.kind) {
    case "machine-gone":
      await awaitEndNote(host, name);
      return tellEnd(host, name);
    case "cancelled":
      host.log.info(explainCancel(result.ended));
      return "script-failed";
    case "exited": {
      if (result.code === 0) {
        if (stage === LAST_STAGE) await explainRefusals(host, name, livedMs(host, name));
        return "success";
      }
      if (codeFile !== undefined) host.files.writeText(codeFile, `${result.code}\n`, 0o644);
      const signal = explainCode(result.code);
      if (signal !== undefined) host.log.info(signal);
      const hits = hitsSince(hitsBefore, readLimitHits(host, name));
      for (const line of explainHits(hits, readLimitFacts(host, name))) host.log.info(line);
      const full = await explainDiskLimit(host, name, state);
      if (full !== undefined) host.log.info(full);
      await explainRefusals(host, name, host.clock.elapsedMs() - startedMs);
      return "script-failed";
    }
  }
}

/**
 * What GitLab Runner runs at the end of each job, whatever became of it (its documentation of the custom
 * executor, "Run"). What `cleanup` says is not in the job's log.
 */
const LAST_STAGE = "cleanup_file_variables";

/** Since its state was written: what another had of the same address before is not this one's. */
const livedMs = (host: Host, name: MachineName): number =>
  host.clock.nowMs() - (host.files.probe(machinePaths(name).state)?.modifiedMs ?? 0);

/** What tells them is loaded for scripts that fail, and once at the end of a job. */
async function explainRefusals(host: Host, name: MachineName, withinMs: number): Promise<void> {
  const { tellRefusals } = await import("../network/refusals.ts");
  for (const told of await tellRefusals(host, name, withinMs)) host.log.info(told);
}

/** `cleanup` may come while a script still runs, and takes away under us what a step needs. */
async function stepResult(host: Host, step: Parameters<typeof runStep>[1]): Promise<StepResult> {
  try {
    return await runStep(host, step);
  } catch (error) {
    if (isCleanedUp(host, step.name)) return { kind: "machine-gone" };
    throw error;
  }
}

const isCleanedUp = (host: Host, name: MachineName): boolean =>
  readMachineState(host, name).kind === "absent" && !hasEnded(host, name);

const LOOK_MS = 20;

/** The unit is on its way down: its `release` writes how it ended, or `cleanup` takes all away. */
async function awaitEndNote(host: Host, name: MachineName): Promise<void> {
  for (let looks = WAITS.endNote.ms / LOOK_MS; looks > 0; looks -= 1) {
    if (hasEnded(host, name) || isCleanedUp(host, name)) return;
    await host.clock.sleep(LOOK_MS);
  }
}

/** Also when nobody can read how. */
function hasEnded(host: Host, name: MachineName): boolean {
  const end = readMachineEnd(host, name);
  return end.kind !== "absent" || end.torn;
}

/** A machine that its own job has driven into a limit is the job's failure; each other end, the host's. */
function tellEnd(host: Host, name: MachineName): Outcome {
  const limit = readValue(readMachineEnd(host, name))?.limit;
  if (limit === undefined) throw machineGone(host, name);
  host.log.info(limit);
  return "script-failed";
}

function machineGone(host: Host, name: MachineName): RunnerError {
  const why = isCleanedUp(host, name)
    ? "it was cleaned up"
    : explainEnd(readValue(readMachineEnd(host, name)));
  return new RunnerError({
    kind: "system",
    message: `Machine "${name}" is gone: ${why}.`,
    hints: [`See journalctl -u '${machineUnits(name).unit}' on the host.`],
  });
}

/** `$SERVICE_RESULT` of systemd.exec(5) as half a sentence. Pure. */
export function explainEnd(end: MachineEnd | undefined): string {
  if (end === undefined) return "its unit does not say why";
  switch (end.result) {
    case "success":
      // A stop of its unit is a kill; see KillSignal= of the plan.
      return "it was shut down from inside";
    case "oom-kill":
      return "it was ended by the kernel for lack of memory";
    case "timeout":
      return "it had lived for as long as its job may last, or did not start in time";
    case "signal":
    case "core-dump":
      return `its main process was ended by signal ${end.status}`;
    case "exit-code":
      return `its main process ended with exit status ${end.status}`;
    default:
      return `systemd says "${end.result}"`;
  }
}

/** Pure. */
export function explainCancel(ended: Extract<StepResult, { kind: "cancelled" }>["ended"]): string {
  const seconds = WAITS.scriptAfterTerm.ms / 1000;
  switch (ended) {
    case "before it began":
      return "The script was cancelled before it began.";
    case "by SIGKILL":
      return `The script was cancelled: it had not ended ${seconds} s after SIGTERM, so we ended it by SIGKILL.`;
    case "with its machine":
      return "The script was cancelled: the machine's agent did not end it, so we ended the machine.";
  }
}

/** Signals that end scripts without their will; a shell reports 128 and the signal's number. */
const SIGNALS: Readonly<Record<number, string>> = {
  129: "SIGHUP",
  130: "SIGINT",
  131: "SIGQUIT",
  132: "SIGILL",
  133: "SIGTRAP",
  134: "SIGABRT",
  135: "SIGBUS",
  136: "SIGFPE",
  137: "SIGKILL",
  139: "SIGSEGV",
  141: "SIGPIPE",
  143: "SIGTERM",
};

/** A sentence for codes that a signal leaves, else nothing. Pure. */
export function explainCode(code: number): string | undefined {
  const signal = SIGNALS[code];
  return signal === undefined
    ? undefined
    : `The script was ended by ${signal} (exit status ${code}).`;
}
