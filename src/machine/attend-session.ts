/** Starts a machine that a person works in, and stays with it to the end of their shell or command. */
import type { Host, LineFifo } from "../host/host.ts";
import { WAITS } from "../host/waits.ts";
import { closeIn } from "../network/close-in.ts";
import { readValue } from "../record/record.ts";
import { RunnerError } from "../text/errors.ts";
import type { Checked } from "./checked-tree.ts";
import { machinePaths } from "./machine-paths.ts";
import type { MachinePlan } from "./machine-plan.ts";
import { boundCgroups } from "./machine-slice.ts";
import { readMachineEnd } from "./machine-state.ts";
import { openNetwork } from "./open-network.ts";
import { destroyMachine } from "./release.ts";

/**
 * systemd-run is between the person's terminal and that of the unit: it passes on what is typed, and
 * the window's size. It has nothing to say itself; the title and the tint of a terminal are nspawn's
 * (systemd 256 and later).
 */
const SILENT = { SYSTEMD_TINT_BACKGROUND: "0", SYSTEMD_ADJUST_TERMINAL_TITLE: "0" };

/** For a word that is there already, or never comes. */
const LAST_WORD_MS = 200;

/** Resolves to the exit code of the session. Whatever is left of the machine is the caller's to end. */
export async function attendSession(host: Host, plan: Checked<MachinePlan>): Promise<number> {
  const { name, network } = plan.facts;
  if (network.kind === "private") await closeIn(host, network);
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
  if (begun.value === "never") throw neverBegan(plan);
  return exitCodeOf(host, plan, ended.value.exitCode);
}

/**
 * Told to end, systemd-run does so while the session goes on, between terminals even with 0 (run.c of
 * systemd, 252 to 257): that it is over, and whether with success, its unit alone says.
 */
function exitCodeOf(host: Host, plan: MachinePlan, exitCode: number | undefined): number {
  const end = readValue(readMachineEnd(host, plan.facts.name));
  const succeeded = end?.result === "success" && end.code === "exited" && end.status === "0";
  if (end === undefined || exitCode === undefined || (exitCode === 0 && !succeeded)) {
    throw cutOff(plan);
  }
  return exitCode;
}

const cutOff = ({ facts }: MachinePlan): RunnerError =>
  new RunnerError({
    kind: "system",
    message: `The session in machine "${facts.name}" was cut off: it had not ended by itself.`,
    hints: ["The machine is ended, and nothing of the session is kept."],
  });

const neverBegan = ({ facts, unit }: MachinePlan): RunnerError =>
  new RunnerError({
    kind: "system",
    message: `The session in machine "${facts.name}" never began.`,
    hints: [`Does the image have /bin/sh? See "journalctl -u ${unit}" on the host.`],
  });

/**
 * Waits until the session is there, and connects it. One that does not come in time, or cannot be
 * connected, is ended; whether one that ended by itself had begun is what this resolves to.
 */
async function beginSession(
  host: Host,
  plan: MachinePlan,
  { ready, over }: { readonly ready: LineFifo; readonly over: AbortSignal },
): Promise<"begun" | "never"> {
  const { name, network, bootTimeoutSeconds } = plan.facts;
  const noMore = AbortSignal.any([over, host.signal]);
  try {
    const word =
      (await ready.readLine(bootTimeoutSeconds * 1000, noMore)) ??
      // It is over, and has said before whether it had begun.
      (over.aborted ? await ready.readLine(LAST_WORD_MS) : undefined);
    if (noMore.aborted || word === "gone") return word === "ready" ? "begun" : "never";
    if (word !== "ready") {
      throw new RunnerError({
        kind: "system",
        message: `Machine "${name}" did not start within ${bootTimeoutSeconds} s.`,
        hints: [`See "journalctl -u ${plan.unit}" on the host.`],
      });
    }
    boundCgroups(host, name);
    if (network.kind === "private") await openNetwork(host, plan, network);
    return "begun";
  } catch (error) {
    if (noMore.aborted) return "begun";
    await destroyMachine(host, name);
    throw error;
  }
}
