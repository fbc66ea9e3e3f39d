/** An orderly end, for a machine whose files stay: units stop as they want to. */
import type { Host } from "../host/host.ts";
import { WAITS } from "../host/waits.ts";
import { machinePaths } from "./machine-paths.ts";
import type { MachinePlan } from "./machine-plan.ts";

export type Shutdown = "done" | "too slow" | "not asked";

/**
 * Asks the machine's systemd to halt, and waits until its unit has released it. systemd-nspawn(1),
 * `--kill-signal=`: on SIGTERM nspawn sends a booted machine SIGRTMIN+3, which halts it.
 */
export async function shutDownMachine(host: Host, plan: MachinePlan): Promise<Shutdown> {
  // The unit's release writes "gone" to whoever holds this FIFO.
  await using ready = host.fifos.openLines(machinePaths(plan.facts.name).ready);
  await host.processes.exec([
    "systemctl",
    "kill",
    "--kill-whom=main",
    "--signal=SIGTERM",
    plan.unit,
  ]);
  const late = AbortSignal.any([host.signal, AbortSignal.timeout(WAITS.shutDown.ms)]);
  while (true) {
    const word = await ready.readLine(undefined, late);
    if (word === "gone") return "done";
    // Not the end: an agent that is started again meanwhile says that it is ready.
    if (word === undefined) return "too slow";
  }
}
