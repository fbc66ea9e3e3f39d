/** An orderly end, for a machine whose files stay: units stop as they want to. */
import type { Host } from "../host/host.ts";
import { machinePaths } from "./machine-paths.ts";
import type { MachinePlan } from "./machine-plan.ts";

export type Shutdown = "done" | "too slow" | "not asked";

const SHUT_DOWN_MS = 60_000;

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
  const word = await ready.readLine(SHUT_DOWN_MS, host.signal);
  return word === undefined ? "too slow" : "done";
}
