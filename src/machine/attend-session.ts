/** Starts a machine that a person works in, and stays with it to the end of their shell or command. */
import type { Host, LineFifo } from "../host/host.ts";
import { WAITS } from "../host/waits.ts";
import { ensureFirewall } from "../network/ensure-firewall.ts";
import { RunnerError } from "../text/errors.ts";
import type { Checked } from "./checked-tree.ts";
import { machinePaths } from "./machine-paths.ts";
import type { MachinePlan } from "./machine-plan.ts";
import { openNetwork } from "./open-network.ts";
import { destroyMachine } from "./release.ts";

/**
 * systemd-run is between the person's terminal and that of the unit: it passes on what is typed, and
 * the window's size. It has nothing to say itself; the title and the tint of a terminal are nspawn's
 * (systemd 256 and later).
 */
const SILENT = { SYSTEMD_TINT_BACKGROUND: "0", SYSTEMD_ADJUST_TERMINAL_TITLE: "0" };

/** Resolves to the exit code of the session. Whatever is left of the machine is the caller's to end. */
export async function attendSession(host: Host, plan: Checked<MachinePlan>): Promise<number> {
  const { name, network } = plan.facts;
  if (network.kind === "private") await ensureFirewall(host, network.firewall);
  await using ready = host.fifos.openLines(machinePaths(name).ready);
  // Held open: what is written waits for who is about to read it.
  await using _network =
    network.kind === "private" ? host.fifos.openLines(machinePaths(name).network) : undefined;
  const over = new AbortController();
  const session = host.processes
    .run(plan.start, {
      terminal: "inherit",
      environment: SILENT,
      onCancel: "kill",
      wait: WAITS.build,
    })
    .finally(() => over.abort());
  const beginning = beginSession(host, plan, { ready, over: over.signal });
  const [ended, begun] = await Promise.allSettled([session, beginning]);
  if (ended.status === "rejected") throw ended.reason;
  if (begun.status === "rejected") throw begun.reason;
  return ended.value.exitCode ?? 1;
}

/** Waits until the session is there, and connects it. One that never comes, or cannot be, is ended. */
async function beginSession(
  host: Host,
  plan: MachinePlan,
  { ready, over }: { readonly ready: LineFifo; readonly over: AbortSignal },
): Promise<void> {
  const { name, network, bootTimeoutSeconds } = plan.facts;
  const noMore = AbortSignal.any([over, host.signal]);
  try {
    const word = await ready.readLine(bootTimeoutSeconds * 1000, noMore);
    // How it ended is told by its exit code, or by whoever ended us.
    if (word === "gone" || noMore.aborted) return;
    if (word !== "ready") {
      throw new RunnerError({
        kind: "system",
        message: `Machine "${name}" did not start within ${bootTimeoutSeconds} s.`,
        hints: [`See "journalctl -u ${plan.unit}" on the host.`],
      });
    }
    if (network.kind === "private") await openNetwork(host, plan, network);
  } catch (error) {
    if (noMore.aborted) return;
    await destroyMachine(host, name);
    throw error;
  }
}
