/**
 * The unit that sees to it that no machine fills the file system that all clones are on. One for each
 * root directory: started by a machine that finds none, it ends half a minute after the last machine.
 */
import type { Host } from "../host/host.ts";
import { RunnerError } from "../text/errors.ts";
import { formatCommandFailure } from "../text/format-command.ts";
import { watcherCommand } from "../watch/watcher-command.ts";
import { type DiskReserve, planReserve } from "./disk-reserve.ts";
import scriptText from "./disk-watch.sh" with { type: "text" };
import { MACHINES_DIRECTORY, RUNTIME_DIRECTORY } from "./machine-paths.ts";
import { MACHINES_SLICE } from "./machine-units.ts";

const SCRIPT = `${RUNTIME_DIRECTORY}/watch-disk`;
const HASH_LENGTH = 12;

const watchUnit = (rootDirectory: string): string =>
  `nspawn-runner-disk-${Bun.SHA256.hash(rootDirectory, "hex").slice(0, HASH_LENGTH)}.service`;

/** The command that starts the unit. Pure. */
export const watchDiskCommand = (
  rootDirectory: string,
  { reserve, driver }: { readonly reserve: DiskReserve; readonly driver: readonly string[] },
): string[] =>
  watcherCommand({
    unit: watchUnit(rootDirectory),
    slice: MACHINES_SLICE,
    description: "Ends the CI machine that fills the disk",
    // Beside machines that take all they can.
    properties: ["CPUWeight=1000", "OOMScoreAdjust=-500"],
    script: SCRIPT,
    words: [
      rootDirectory,
      String(reserve.bytes),
      String(reserve.inodes),
      MACHINES_DIRECTORY,
      ...driver,
    ],
  });

/**
 * To be called when the machine's directory has been there for a while, and before a job's script is:
 * a unit that has not seen the directory, and is on its way to its end, has ended by then.
 */
export async function ensureDiskWatch(
  host: Pick<Host, "cgroups" | "driver" | "files" | "processes">,
  rootDirectory: string,
): Promise<void> {
  const cgroup = `${MACHINES_SLICE}/${watchUnit(rootDirectory)}`;
  if (host.cgroups.exists(cgroup)) return;
  host.files.writeText(SCRIPT, scriptText, 0o600);
  const reserve = planReserve(host.files.probeFileSystem(rootDirectory));
  const command = watchDiskCommand(rootDirectory, { reserve, driver: host.driver });
  const started = await host.processes.run(command);
  // Another machine was first, or it was killed, and comes back.
  if (started.exitCode === 0 || / was already loaded/.test(started.stderr)) return;
  throw new RunnerError({ kind: "system", message: formatCommandFailure(started) });
}
