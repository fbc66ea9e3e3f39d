/** The `run` stage: one script in the job's machine, its end told as GitLab Runner wants it. */
import type { Host } from "../host/host.ts";
import { machineUnits } from "../machine/machine-plan.ts";
import { type MachineEnd, readMachineEnd, readMachineState } from "../machine/machine-state.ts";
import { runStep } from "../machine/run-step.ts";
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
  request: { readonly name: MachineName; readonly script: string },
): Promise<Outcome> {
  const { name, script } = request;
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
  if (hasEnded(host, name)) throw machineGone(host, name);
  const result = await runStep(host, { name, script, idShift: state.idShift, uid: state.uid });
  if (result.kind === "machine-gone") {
    await awaitEnd(host, name, state.unit);
    throw machineGone(host, name);
  }
  if (result.code === 0) return "success";
  if (codeFile !== undefined) host.files.writeText(codeFile, `${result.code}\n`, 0o644);
  const signal = explainCode(result.code);
  if (signal !== undefined) host.log.info(signal);
  return "script-failed";
}

/** The unit is on its way down: its `release` writes how it ended, which stopping it waits for. */
async function awaitEnd(host: Host, name: MachineName, unit: string): Promise<void> {
  const active = await host.processes.run(["systemctl", "is-active", "--quiet", unit]);
  if (active.exitCode !== 0 && hasEnded(host, name)) return;
  await host.processes.run(["systemctl", "stop", unit]);
}

/** Also when nobody can read how. */
function hasEnded(host: Host, name: MachineName): boolean {
  const end = readMachineEnd(host, name);
  return end.kind !== "absent" || end.torn;
}

function machineGone(host: Host, name: MachineName): RunnerError {
  const cleanedUp = readMachineState(host, name).kind === "absent";
  const why = cleanedUp ? "it was cleaned up" : explainEnd(readValue(readMachineEnd(host, name)));
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
      return end.code === "exited" ? "it was shut down or stopped" : "it was stopped";
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

/** Signals that end scripts without their will; a shell reports 128 and the signal's number. */
const SIGNALS: Readonly<Record<number, string>> = {
  129: "SIGHUP",
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

/** Pure: a sentence for codes that a signal leaves, else nothing. */
export function explainCode(code: number): string | undefined {
  const signal = SIGNALS[code];
  if (signal === undefined) return undefined;
  const more = code === 137 ? "; the kernel sends it when memory runs out" : "";
  return `The script was ended by ${signal} (exit status ${code})${more}.`;
}
