/** Starts what is laid out: the unit, its network, and the wait for its agent. */

import type { CommandResult, Host, LineFifo } from "../host/host.ts";
import { closeIn } from "../network/close-in.ts";
import { RunnerError } from "../text/errors.ts";
import type { MachineName } from "../text/names.ts";
import type { Checked } from "./checked-tree.ts";
import { probeInotify } from "./inotify.ts";
import { machinePaths } from "./machine-paths.ts";
import type { MachinePlan } from "./machine-plan.ts";
import { boundCgroups } from "./machine-slice.ts";
import { openNetwork } from "./open-network.ts";
import { explainOldSystemd } from "./systemd-version.ts";
import { lastWordsOfUnit } from "./unit-journal.ts";

/**
 * Starts the machine and waits until its network is up and its agent takes requests. Throws a system
 * error with the journal's reason, or that we were told to end; what is half made is the caller's to
 * `release`.
 */
export async function startMachine(host: Host, plan: Checked<MachinePlan>): Promise<void> {
  const { name, bootTimeoutSeconds } = plan.facts;
  await using ready = host.fifos.openLines(machinePaths(name).ready);
  const startedAt = host.clock.nowMs();
  const until = host.clock.elapsedMs() + bootTimeoutSeconds * 1000;
  const deadline: Deadline = { leftMs: () => Math.max(until - host.clock.elapsedMs(), 0) };
  const started = await startUnit(host, plan, deadline);
  boundCgroups(host, name);
  const line = started.exitCode === 0 ? await awaitReady(host, plan, { ready, deadline }) : "gone";
  if (line === "ready") return;
  if (line === undefined && host.signal.aborted) throw cancelled(name);
  throw new RunnerError({
    kind: "system",
    message:
      line === "gone"
        ? `Cannot boot machine "${name}".`
        : `Machine "${name}" does not take scripts after ${bootTimeoutSeconds} s.`,
    hints: [...(await versionHint(host)), ...inotifyHint(host), ...bootHints(plan)],
    cause: await findReason(host, plan, { startedAt, isGone: line === "gone", started }),
  });
}

/** What the journal says; where that cannot be had, the failure to get it is all there is to tell. */
async function findReason(
  host: Host,
  { unit }: MachinePlan,
  start: {
    readonly startedAt: number;
    readonly isGone: boolean;
    readonly started: CommandResult;
  },
): Promise<unknown> {
  const { startedAt, isGone, started } = start;
  try {
    // What a unit has to say of its end, it says until it has ended.
    if (isGone) await host.processes.run(["systemctl", "stop", unit]);
    return new Error(await lastWordsOfUnit(host, unit, new Date(startedAt), started.stderr));
  } catch (error) {
    return error;
  }
}

/** Of the whole boot, from the start of its unit on. */
interface Deadline {
  leftMs(): number;
}

/**
 * Runs the unit's start, which is over when nspawn has started what boots. The firewall is looked at
 * meanwhile: the machine's interface is not up before `connect`.
 */
async function startUnit(
  host: Host,
  plan: Checked<MachinePlan>,
  deadline: Deadline,
): Promise<CommandResult> {
  const { network } = plan.facts;
  const wait = { ms: deadline.leftMs() };
  const starting = host.processes.run(plan.start, { onCancel: "kill", wait });
  if (network.kind !== "private") return starting;
  // Both end before a failure of one is told: what is undone then does not start any more.
  const [started, firewall] = await Promise.allSettled([starting, closeIn(host, network)]);
  if (firewall.status === "rejected") throw firewall.reason;
  if (started.status === "rejected") throw started.reason;
  return started.value;
}

/** What the machine's agent, or the end of its unit, says; nothing when neither does in time. */
async function awaitReady(
  host: Host,
  plan: MachinePlan,
  { ready, deadline }: { readonly ready: LineFifo; readonly deadline: Deadline },
): Promise<string | undefined> {
  const { network, name } = plan.facts;
  if (network.kind !== "private") return ready.readLine(deadline.leftMs(), host.signal);
  // Held open until the machine is ready: what is written waits for a machine that boots.
  await using _waiting = host.fifos.openLines(machinePaths(name).network);
  try {
    await openNetwork(host, plan, network);
  } catch (error) {
    // A machine that died meanwhile has no network to connect to; its end is the better reason.
    const word = await ready.readLine(LAST_WORD_MS, host.signal);
    if (word === "gone" || host.signal.aborted) return word;
    throw error;
  }
  return await ready.readLine(deadline.leftMs(), host.signal);
}

const cancelled = (name: MachineName): RunnerError =>
  new RunnerError({
    kind: "system",
    message: `The start of machine "${name}" was cancelled: we were told to end.`,
  });

/** From the death of a machine's main process to the release by its unit: tens of milliseconds. */
const LAST_WORD_MS = 3000;

async function versionHint(host: Host): Promise<string[]> {
  const { stdout } = await host.processes.run(["systemctl", "--version"]);
  const old = explainOldSystemd(stdout);
  return old === undefined ? [] : [old];
}

function inotifyHint(host: Host): string[] {
  const hint = probeInotify(host);
  return hint === undefined ? [] : [hint];
}

function bootHints(plan: MachinePlan): string[] {
  return [
    `See "journalctl -u ${plan.unit}" on the host, or try the image with "nspawn-runner chroot-login".`,
  ];
}
