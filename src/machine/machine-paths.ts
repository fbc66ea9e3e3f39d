/** Where the parts of a machine lie on the host. Pure. */
import type { MachineName } from "../text/names.ts";

/** Gone after a reboot, like the machines themselves. Only root may enter. */
export const RUNTIME_DIRECTORY = "/run/nspawn-runner";
export const MACHINES_DIRECTORY = `${RUNTIME_DIRECTORY}/machines`;
export const RANGES_DIRECTORY = `${RUNTIME_DIRECTORY}/id-ranges`;
/** A lock for each machine that is being prepared: see `preparing.ts`. */
export const PREPARING_DIRECTORY = `${RUNTIME_DIRECTORY}/preparing`;
/**
 * Where a killed nspawn leaves a directory of its machine's name: through the first the host would have
 * mounted into it (setup_propagate(), 252 to 257), on the second its sockets are mounted, without whose
 * end the name is refused the next time (since 257).
 */
export const NSPAWN_LEFTOVERS = [
  "/run/systemd/nspawn/propagate",
  "/run/systemd/nspawn/unix-export",
];
/** Where the control directory is seen inside a machine. */
export const CONTROL_INSIDE = "/run/nspawn-runner";

export interface MachinePaths {
  /** State, control directory, how it ended. On the runtime file system. */
  readonly runtime: string;
  readonly state: string;
  /** A link to the root directory that has the clone. */
  readonly root: string;
  /** Held by whoever releases the machine. */
  readonly lock: string;
  /** How the unit ended, written by `release`. */
  readonly end: string;
  /** What `end` is made of: a file with room for it, written by `prepare`. */
  readonly endRoom: string;
  /** Of a machine that we end for what it took: a sentence for its job's author. */
  readonly verdict: string;
  readonly control: string;
  readonly request: string;
  readonly ready: string;
  readonly steps: string;
  /** What the systemd of a machine reads besides its own units. */
  readonly units: string;
  /** Programs of the host that its scripts may call. */
  readonly bin: string;
  /** What the unit does before it becomes nspawn, for its launcher. */
  readonly launch: string;
  /** The script that the unit ends with. */
  readonly release: string;
  /** Of a network of its own: what the machine's resolv.conf is to hold. */
  readonly resolvConf: string;
  /** Of a network of its own: a FIFO that says "up" inside. */
  readonly network: string;
}

export function machinePaths(name: MachineName): MachinePaths {
  const runtime = `${MACHINES_DIRECTORY}/${name}`;
  const control = `${runtime}/control`;
  return {
    runtime,
    state: `${runtime}/state.json`,
    root: `${runtime}/root`,
    lock: `${runtime}/lock`,
    end: `${runtime}/end.json`,
    endRoom: `${runtime}/end.room`,
    verdict: `${runtime}/verdict`,
    control,
    request: `${control}/request`,
    ready: `${control}/ready`,
    steps: `${control}/steps`,
    units: `${control}/units`,
    bin: `${control}/bin`,
    launch: `${runtime}/launch.json`,
    release: `${runtime}/release`,
    resolvConf: `${runtime}/resolv.conf`,
    network: `${control}/network`,
  };
}

/** The directory of all clones in a root directory. 0700: a clone's setuid files are real ones. */
export function clonesDirectory(rootDirectory: string): string {
  return `${rootDirectory}/.machines`;
}

export function cloneDirectory(rootDirectory: string, name: MachineName): string {
  return `${clonesDirectory(rootDirectory)}/${name}`;
}
