/**
 * The one undo of a machine: used by the unit itself, by `cleanup`, by failed starts and by `gc`. It
 * takes the clone out of the way and lets go of what was claimed; what takes long is another's work
 * (`storage/trash.ts`). It makes nothing in /run, which a job may have filled.
 */
import type { Host } from "../host/host.ts";
import { WAITS } from "../host/waits.ts";
import { releaseAddressPair, toPair } from "../network/address-pair.ts";
import { lockClaims } from "../network/claims-lock.ts";
import { PAIRS_DIRECTORY, RULES_DIRECTORY } from "../network/network-paths.ts";
import { moveToTrash, startDeleterUnheard } from "../storage/trash.ts";
import { formatAddress } from "../text/address.ts";
import { RunnerError } from "../text/errors.ts";
import type { MachineName } from "../text/names.ts";
import { onlyWarn } from "../text/only-warn.ts";
import { releaseIdRanges } from "./id-range.ts";
import { killMachine, machineLives } from "./machine-life.ts";
import {
  cloneDirectory,
  machinePaths,
  NSPAWN_LEFTOVERS,
  RANGES_DIRECTORY,
} from "./machine-paths.ts";
import { machineUnits } from "./machine-units.ts";
import { forgetPreparing } from "./preparing.ts";

/**
 * Lets go of what a dead machine held: clone, ids, addresses, what nspawn left. Idempotent; tolerates
 * any half-made state, and that a part of it fails: the rest is done all the same, and then the first
 * failure is thrown. How it ended stays, for a `run` that still asks. The clone is in the trash then,
 * and the caller starts the deleter.
 */
export async function releaseMachine(host: Host, name: MachineName): Promise<void> {
  const parts = [tellGone, discardClone, releaseClaims, removeNspawnLeftovers, removeLaunch];
  const ends = await Promise.allSettled(parts.map(async (part) => part(host, name)));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}

/** Who still waits for the machine to become ready need not wait any longer. */
function tellGone(host: Host, name: MachineName): void {
  const { ready } = machinePaths(name);
  if (host.files.probe(ready) === undefined) return;
  try {
    host.fifos.writeLine(ready, "gone");
  } catch {
    // It is full, by the machine's doing: whoever waits has more to read than it wants.
  }
}

/** Found by the machine's name, whatever its state says. */
function discardClone(host: Host, name: MachineName): void {
  const root = rootOf(host, name);
  if (root !== undefined) moveToTrash(host, root, cloneDirectory(root, name));
}

/** The root directory that the machine's clone is in; nothing when the machine is not there. */
export const rootOf = (host: Pick<Host, "files">, name: MachineName): string | undefined =>
  host.files.readLink(machinePaths(name).root);

/**
 * Not while a process of the machine lives, which a signal alone does not end. One release at a time:
 * of two that look and then take away, the second would take what a new machine has just claimed.
 */
async function releaseClaims(host: Host, name: MachineName): Promise<void> {
  await requireDeath(host, name);
  const places = [RANGES_DIRECTORY, PAIRS_DIRECTORY];
  if (!places.some((place) => host.claims.list(place).some(({ owner }) => owner === name))) return;
  using _lock = await lockClaims(host);
  // While they are its own. What nft does not do now, gc does: neither ids nor addresses wait for it.
  await onlyWarn(host.log, "remove the rules of its network", () => closeNetwork(host, name));
  releaseIdRanges(host, name);
  // Its interface and routes went with its network namespace.
  releaseAddressPair(host, name);
}

/** Few machines have rules of their own: what removes them is loaded for those alone. Under the lock. */
async function closeNetwork(host: Host, name: MachineName): Promise<void> {
  for (const { thing, owner } of host.claims.list(PAIRS_DIRECTORY)) {
    if (owner !== name) continue;
    try {
      host.connections.forget(formatAddress(toPair(thing).machine));
    } catch (error) {
      // A kernel without that way to its table: they end by their time-outs.
      host.log.debug(`# ${String(error)}`);
    }
    if (host.files.probe(`${RULES_DIRECTORY}/${thing}`) === undefined) continue;
    const { closeReach } = await import("../network/reach.ts");
    await closeReach(host, thing);
  }
}

function removeNspawnLeftovers(host: Host, name: MachineName): void {
  for (const directory of NSPAWN_LEFTOVERS) {
    const left = `${directory}/${name}`;
    if (host.files.probe(left) === undefined) continue;
    host.mounts.detachBelow(left);
    host.files.remove(left);
  }
}

function removeLaunch(host: Host, name: MachineName): void {
  host.files.remove(machinePaths(name).launch);
}

/**
 * Stops a machine, alive, half started or dead, and removes every trace of it. Idempotent: a machine
 * that never was is fine. Throws a system error, and keeps what it has, when it cannot be stopped.
 */
export async function destroyMachine(host: Host, name: MachineName): Promise<void> {
  // Whether it is dead, and all is let go of, is judged once it has been stopped.
  const early = releaseAtOnce(host, name).catch((error) => host.log.debug(`# ${String(error)}`));
  await Promise.all([early, stopMachine(host, name)]);
  await releaseMachine(host, name);
  const root = rootOf(host, name);
  host.files.remove(machinePaths(name).runtime);
  forgetPreparing(host, name);
  // Last: systemd would do that before it has stopped the machine.
  if (root !== undefined) await startDeleterUnheard(host, root);
}

/**
 * Kills a machine that runs and releases what it held while systemd is still busy with its end:
 * the unit's ExecStopPost waits for the lock, and then finds either nothing to do, or what a death
 * of ours has left. Does nothing when nothing runs, or another is about to release it.
 */
async function releaseAtOnce(host: Host, name: MachineName): Promise<void> {
  const paths = machinePaths(name);
  if (host.files.probe(paths.state) === undefined) return;
  using lock = host.files.lock(paths.lock, { mode: "exclusive" });
  if (lock === undefined || !killMachine(host, name)) return;
  await releaseMachine(host, name);
  host.files.remove(paths.state);
}

const STOP_AGAIN_MS = 100;

/**
 * Stops the unit and its slice, which ends the job, whatever it forked. More than once where a process
 * lives afterwards: a unit that another driver is starting may not have been there yet, or systemd
 * was too busy. Throws a system error when one stays.
 */
async function stopMachine(host: Host, name: MachineName): Promise<void> {
  const { unit, slice } = machineUnits(name);
  const until = host.clock.elapsedMs() + WAITS.machineDeath.ms;
  while (true) {
    const stopped = await host.processes.run(["systemctl", "stop", slice, unit]);
    if (stopped.exitCode !== 0) host.log.debug(`# ${stopped.stderr.trim()}`);
    if (!machineLives(host, name)) return;
    if (host.clock.elapsedMs() > until) throw stillLives(name, stopped.stderr.trim());
    await host.clock.sleep(STOP_AGAIN_MS);
  }
}

const LOOK_MS = 5;

/** Waits until no process of the machine is left. Throws a system error when one stays. */
async function requireDeath(host: Host, name: MachineName): Promise<void> {
  const until = host.clock.elapsedMs() + WAITS.machineDeath.ms;
  while (machineLives(host, name)) {
    if (host.clock.elapsedMs() > until) throw stillLives(name);
    await host.clock.sleep(LOOK_MS);
  }
}

function stillLives(name: MachineName, reason = ""): RunnerError {
  return new RunnerError({
    kind: "system",
    message: `Cannot stop machine "${name}": a process of it still lives.`,
    hints: [
      `See systemctl status '${machineUnits(name).unit}'; "nspawn-runner gc" tries it again.`,
    ],
    cause: new Error(reason || "it was killed, or systemd says that it is stopped"),
  });
}
