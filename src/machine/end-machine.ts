/** The end of a machine's unit, however it came: told, and then the machine is released. */
import type { Host } from "../host/host.ts";
import { startDeleter } from "../storage/trash.ts";
import type { MachineName } from "../text/names.ts";
import { explainHits, readLimitFacts, readLimitHits } from "./limit-hits.ts";
import { machinePaths } from "./machine-paths.ts";
import { LIFE_MARGIN_SECONDS } from "./machine-plan.ts";
import { type MachineEnd, writeMachineEnd } from "./machine-state.ts";
import { machineUnits } from "./machine-units.ts";
import { releaseMachine, rootOf } from "./release.ts";

/** Called by the unit itself, as its `ExecStopPost=`: its slice is there and has counted. */
export async function endMachine(
  host: Host,
  name: MachineName,
  end: Omit<MachineEnd, "limit">,
): Promise<void> {
  const limit = findLimit(host, name, end.result);
  writeMachineEnd(host, name, limit === undefined ? end : { ...end, limit });
  const root = rootOf(host, name);
  await releaseMachine(host, name);
  // A slice outlives the units in it unless it is stopped too. Not waited for: we are in it.
  await host.processes.run(["systemctl", "--no-block", "stop", machineUnits(name).slice]);
  // What we leave running would be killed with the unit.
  if (root !== undefined) await startDeleter(host, root);
}

/** Which of its limits has ended it, as a sentence; nothing when none has. */
function findLimit(host: Host, name: MachineName, result: string): string | undefined {
  const { verdict } = machinePaths(name);
  if (host.files.probe(verdict) !== undefined) return host.files.readText(verdict, VERDICT_BYTES);
  if (result === "timeout") {
    return `The machine was ended: it had lived for its job's timeout and ${LIFE_MARGIN_SECONDS / 60} minutes more. Give the job a longer timeout.`;
  }
  const hits = readLimitHits(host, name);
  // One that was shut down, or left by its main process, may have lost others to the limit before.
  if (result === "success" || hits.memoryKills === 0) return undefined;
  return explainHits(hits, readLimitFacts(host, name))[0];
}

const VERDICT_BYTES = 1024;
