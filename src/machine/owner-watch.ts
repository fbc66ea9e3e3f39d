/**
 * The unit that waits for the end of an owner, and what it does then. One for each owner, started by
 * the first machine that it has; the later ones find its cgroup there.
 */
import type { Host } from "../host/host.ts";
import { WAITS } from "../host/waits.ts";
import { startDeleter } from "../storage/trash.ts";
import { RunnerError } from "../text/errors.ts";
import { formatCommandFailure } from "../text/format-command.ts";
import { formatError } from "../text/format-error.ts";
import type { MachineName } from "../text/names.ts";
import { watcherCommand } from "../watch/watcher-command.ts";
import { listMachines } from "./machine-list.ts";
import { RUNTIME_DIRECTORY } from "./machine-paths.ts";
import { readMachineState } from "./machine-state.ts";
import { MACHINES_SLICE } from "./machine-units.ts";
import { isSameOwner, type Owner } from "./owner.ts";
import scriptText from "./owner-watch.sh" with { type: "text" };
import { listPreparing, unlessPrepared } from "./preparing.ts";
import { destroyMachine, rootOf } from "./release.ts";

const LOOK_MS = 20;
const SCRIPT = `${RUNTIME_DIRECTORY}/watch-owner`;

/** The command that starts the unit. Pure. */
export const watchCommand = (owner: Owner, driver: readonly string[]): string[] =>
  watcherCommand({
    unit: watchUnit(owner),
    slice: MACHINES_SLICE,
    description: `Ends the machines of process ${owner.pid} when it is gone`,
    script: SCRIPT,
    words: [String(owner.pid), String(owner.startTicks), ...driver],
  });

const watchUnit = ({ pid, startTicks }: Owner): string =>
  `nspawn-runner-watch-${pid}-${startTicks}.service`;

/**
 * Sees to it that somebody waits for the owner's end. To be called before anything of a machine is
 * there, so that it finds what a driver leaves that dies with its owner. An owner that ends before the
 * machine's state names it is found gone by the machine's own preparation.
 */
export async function ensureOwnerWatch(host: Host, owner: Owner): Promise<void> {
  const cgroup = `${MACHINES_SLICE}/${watchUnit(owner)}`;
  if (host.cgroups.exists(cgroup)) return;
  host.files.ensureDirectory(RUNTIME_DIRECTORY, 0o700);
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

/**
 * Ends all machines of an owner that is gone, and what has no state and is not being prepared: a
 * driver has died before it wrote one, or over a cleanup. What cannot be ended is told, and left to
 * `gc`.
 */
export async function endMachinesOf(host: Host, owner: Owner): Promise<void> {
  const names = [
    ...new Set([...listMachines(host).map(({ name }) => name), ...listPreparing(host)]),
  ];
  const roots = new Set(names.flatMap((name) => rootOf(host, name) ?? []));
  const end = async (name: MachineName, why: string): Promise<void> => {
    host.log.warn(`Ending machine "${name}": ${why}.`);
    await destroyMachine(host, name);
  };
  const endOne = async (name: MachineName): Promise<void> => {
    const state = readMachineState(host, name);
    if (state.kind === "absent") {
      // The next try of its job may be about to make it again.
      await unlessPrepared(host, name, async () => {
        if (readMachineState(host, name).kind === "absent") await end(name, "it is dead");
      });
    } else if (state.kind === "read" && isSameOwner(state.value.owner, owner)) {
      await end(name, `process ${owner.pid}, whose it is, is gone`);
    }
  };
  await Promise.all(
    names.map(async (name) => {
      try {
        await endOne(name);
      } catch (error) {
        const reason = formatError(error, { debug: false });
        host.log.warn(`Cannot end machine "${name}"; "nspawn-runner gc" tries again. ${reason}`);
      }
    }),
  );
  // What a machine's end leaves running is killed with our unit before systemd has heard of it.
  for (const root of roots) await startDeleter(host, root);
}
