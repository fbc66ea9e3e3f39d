/**
 * The unit that waits for the end of an owner, and what it does then. One for each owner, started by
 * the first machine that it has; the later ones find its cgroup there.
 */
import type { Host } from "../host/host.ts";
import { WAITS } from "../host/waits.ts";
import { RunnerError } from "../text/errors.ts";
import { formatCommandFailure } from "../text/format-command.ts";
import { formatError } from "../text/format-error.ts";
import { listMachines } from "./machine-list.ts";
import { RUNTIME_DIRECTORY } from "./machine-paths.ts";
import { MACHINES_SLICE } from "./machine-units.ts";
import { isSameOwner, type Owner } from "./owner.ts";
import scriptText from "./owner-watch.sh" with { type: "text" };
import { destroyMachine } from "./release.ts";

const LOOK_MS = 20;
const SCRIPT = `${RUNTIME_DIRECTORY}/watch-owner`;

/** The command that starts the unit. Pure. */
export function watchCommand(owner: Owner, driver: readonly string[]): string[] {
  const properties = [
    `Description=Ends the machines of process ${owner.pid} when it is gone`,
    "SyslogIdentifier=nspawn-runner",
    // Killed, or short of memory, it comes back; told to end, it does not.
    "Restart=on-failure",
    "RestartSec=1s",
    "CollectMode=inactive-or-failed",
  ];
  return [
    "systemd-run",
    "--quiet",
    `--unit=${watchUnit(owner)}`,
    `--slice=${MACHINES_SLICE}`,
    ...properties.map((property) => `--property=${property}`),
    "--",
    "/bin/sh",
    SCRIPT,
    String(owner.pid),
    String(owner.startTicks),
    ...driver,
  ];
}

const watchUnit = ({ pid, startTicks }: Owner): string =>
  `nspawn-runner-watch-${pid}-${startTicks}.service`;

/**
 * Sees to it that somebody waits for the owner's end. To be called once the machine's state is
 * written: a watcher that has begun to end machines finds it, or the owner is found gone by the
 * machine's own preparation.
 */
export async function ensureOwnerWatch(host: Host, owner: Owner): Promise<void> {
  const cgroup = `${MACHINES_SLICE}/${watchUnit(owner)}`;
  if (host.cgroups.exists(cgroup)) return;
  host.files.writeText(SCRIPT, scriptText, 0o600);
  const started = await host.processes.run(watchCommand(owner, host.driver));
  if (started.exitCode === 0) return;
  // Another machine of the same owner was first, or the watcher was killed and is between two lives:
  // systemd has its unit then, and not its cgroup.
  for (let looks = WAITS.watcherRestart.ms / LOOK_MS; looks > 0; looks -= 1) {
    if (host.cgroups.exists(cgroup)) return;
    await host.clock.sleep(LOOK_MS);
  }
  throw new RunnerError({ kind: "system", message: formatCommandFailure(started) });
}

/** Ends all machines of an owner that is gone. What cannot be ended is told, and left to `gc`. */
export async function endMachinesOf(host: Host, owner: Owner): Promise<void> {
  const its = listMachines(host).filter(
    ({ state }) => state.kind === "read" && isSameOwner(state.value.owner, owner),
  );
  await Promise.all(
    its.map(async ({ name }) => {
      try {
        host.log.warn(`Ending machine "${name}": process ${owner.pid}, whose it is, is gone.`);
        await destroyMachine(host, name);
      } catch (error) {
        const why = formatError(error, { debug: false });
        host.log.warn(`Cannot end machine "${name}"; "nspawn-runner gc" tries again. ${why}`);
      }
    }),
  );
}
