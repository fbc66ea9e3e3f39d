/**
 * From facts to the one systemd unit that is a machine. Pure: every name, path, id and limit is
 * decided here, and starting it decides nothing.
 */
import type { Host } from "../host/host.ts";
import { type NetworkPlan, networkArguments } from "../network/network-plan.ts";
import type { ClonePlan, InPlace } from "../storage/storage.ts";
import { formatCommand, quoteArgument } from "../text/format-command.ts";
import type { MachineName } from "../text/names.ts";
import { payloadArguments } from "./boot-arguments.ts";
import {
  type ControlDirectory,
  type PlannedFile,
  planControlDirectory,
} from "./control-directory.ts";
import { idCount } from "./id-range.ts";
import type { Launch } from "./launch.ts";
import type { Loosening } from "./loosening.ts";
import {
  bindArguments,
  devicesOf,
  escapeBindPath,
  looseningArguments,
} from "./loosening-arguments.ts";
import { type LimitProperty, limitProperties } from "./machine-limits.ts";
import { CONTROL_INSIDE, machinePaths } from "./machine-paths.ts";
import type { MachineSettings } from "./machine-settings.ts";
import { machineUnits } from "./machine-units.ts";
import type { Payload } from "./payload.ts";
import { allowsSocketcall } from "./system-calls.ts";
import { JOURNAL_PROPERTIES } from "./unit-journal.ts";

const NSPAWN_PATH = "/usr/bin/systemd-nspawn";

/** What is wanted of a machine, whatever its root. */
export interface MachineWish {
  readonly name: MachineName;
  readonly settings: MachineSettings;
  readonly loosening: Loosening;
  readonly payload: Payload;
  readonly bootTimeoutSeconds: number;
  /** The job's own time-out; the machine lives a little longer. */
  readonly jobTimeoutSeconds: number | undefined;
  /** `gitlab-runner` of the host, when it has one. */
  readonly gitlabRunner: string | undefined;
}

export interface MachineFacts extends MachineWish {
  readonly clone: ClonePlan | InPlace;
  readonly idShift: number;
  readonly network: NetworkPlan;
  /** Of those that containers inside would have, what the host has. */
  readonly nestingDevices: readonly string[];
  readonly driver: readonly string[];
  readonly architecture: Host["architecture"];
}

export interface MachinePlan extends ControlDirectory {
  readonly facts: MachineFacts;
  readonly unit: string;
  readonly slice: string;
  /** Properties of the slice, which is there before the unit. */
  readonly limits: readonly LimitProperty[];
  readonly nspawn: readonly string[];
  /** What starts the unit, and ends when the machine is ready or has failed. */
  readonly start: readonly string[];
}

export function planMachine(facts: MachineFacts): MachinePlan {
  const { unit, slice } = machineUnits(facts.name);
  const nspawn = nspawnCommand(facts);
  const control = planControlDirectory(facts);
  return {
    facts,
    unit,
    slice,
    limits: limitProperties(facts.settings.limits),
    ...control,
    files: [...control.files, ...hostFiles(facts, nspawn)],
    nspawn,
    start: [
      "systemd-run",
      "--quiet",
      ...callerArguments(facts.payload),
      `--unit=${unit}`,
      `--slice=${slice}`,
      "--service-type=notify",
      ...unitProperties(facts).map((property) => `--property=${property}`),
      "--",
      ...facts.driver,
      "internal-launch",
      facts.name,
    ],
  };
}

/** A person's shell or command has the terminal, or stdin, stdout and stderr, of who starts the unit. */
function callerArguments(payload: Payload): string[] {
  return payload.kind === "session" ? ["--wait", payload.terminal ? "--pty" : "--pipe"] : [];
}

/** Its root is assembled by mounts in the unit, which our launcher makes. */
function isLayered(facts: MachineFacts): facts is MachineFacts & { readonly clone: ClonePlan } {
  return facts.clone.kind === "clone" && facts.clone.mounts.length > 0;
}

/** What the machine does not see: the script that its unit ends with, and what its launcher reads. */
function hostFiles(facts: MachineFacts, nspawn: readonly string[]): PlannedFile[] {
  const paths = machinePaths(facts.name);
  const file = (path: string, text: string): PlannedFile => ({ path, mode: 0o600, text });
  const launch: Launch = {
    mounts: isLayered(facts) ? facts.clone.mounts : [],
    idShift: facts.idShift,
    idCount: idCount(facts.loosening),
    nspawn,
    socketcall: allowsSocketcall(facts.loosening),
  };
  return [file(paths.release, releaseScript(facts)), file(paths.launch, JSON.stringify(launch))];
}

function nspawnCommand(facts: MachineFacts): string[] {
  const { control } = machinePaths(facts.name);
  return [
    NSPAWN_PATH,
    "--quiet",
    "--keep-unit",
    "--register=no",
    "--settings=no",
    `--machine=${facts.name}`,
    `--directory=${facts.clone.tree}`,
    `--private-users=${facts.idShift}:${idCount(facts.loosening)}`,
    // An assembled overlay cannot be id-mapped; its layers are, by the launcher.
    `--private-users-ownership=${isLayered(facts) ? "off" : "map"}`,
    "--link-journal=no",
    "--timezone=off",
    ...RESOURCE_LIMITS.map((limit) => `--rlimit=${limit}`),
    ...looseningArguments(facts),
    ...networkArguments(facts.network),
    ...bindArguments(facts.loosening),
    `--bind-ro=${control}:${CONTROL_INSIDE}`,
    ...gitlabRunnerBind(facts.gitlabRunner),
    ...payloadArguments(facts.payload, {
      name: facts.name,
      connects: facts.network.kind === "private",
    }),
  ];
}

/**
 * Of every process inside, and no more: nspawn would pass on what the host's PID 1 has (setrlimit(2)).
 * The host's handler of core dumps is not even started with 1, which stands for none, and is with 0
 * (core(5); do_coredump() of Linux). Files as systemd has them (systemd.exec(5)): programs that close
 * all they may have open take long over more.
 */
const RESOURCE_LIMITS = ["CORE=1", "NOFILE=1024:524288"];

function gitlabRunnerBind(path: string | undefined): string[] {
  if (path === undefined) return [];
  return [`--bind-ro=${escapeBindPath(path)}:${CONTROL_INSIDE}/bin/gitlab-runner`];
}

/** A machine outlives its job's time-out by this: after_script, cache and artifacts come later. */
export const LIFE_MARGIN_SECONDS = 1800;
const LIFE_DEFAULT_SECONDS = 86_400;
const STOP_TIMEOUT_SECONDS = 30;
/** Of 1000; GitLab Runner and other services have 0. */
const OOM_SCORE_ADJUST = 500;

function unitProperties(facts: MachineFacts): string[] {
  const lifeSeconds =
    facts.jobTimeoutSeconds === undefined
      ? LIFE_DEFAULT_SECONDS
      : facts.jobTimeoutSeconds + LIFE_MARGIN_SECONDS;
  return [
    `Description=CI machine ${facts.name}`,
    ...JOURNAL_PROPERTIES,
    "CollectMode=inactive-or-failed",
    // The payload stays in the service's own cgroup (--keep-unit): its limits hold it, and it
    // dies with it.
    "Delegate=yes",
    // nspawn has no memory to give back, and the kernel takes 5 to 10 ms to end its watch.
    "Environment=MEMORY_PRESSURE_WATCH=/dev/null",
    // A killed nspawn would leave its lock's file in /run for ever; the tree is ours alone
    // (systemd's docs/ENVIRONMENT.md).
    "Environment=SYSTEMD_NSPAWN_LOCK=0",
    // Or every `yes | head` of a script would complain of a broken pipe.
    "IgnoreSIGPIPE=no",
    // What a machine may take stands at its slice. A service has a limit of its own by default.
    "TasksMax=infinity",
    // When the host's memory runs out, a machine's processes go before any of the host. The value is a
    // floor inside (proc_pid_oom_score_adj(5)): only the host's root can go below it.
    `OOMScoreAdjust=${OOM_SCORE_ADJUST}`,
    // A process that the kernel ends for lack of memory is the job's to see, and its machine lives on.
    "OOMPolicy=continue",
    // A throw-away machine is not shut down but ended: 20 ms instead of 180.
    "KillMode=control-group",
    "KillSignal=SIGKILL",
    // Whether it is ready in time, its agent and the driver tell; this is for an nspawn that hangs, of
    // a driver that has died: RuntimeMaxSec= does not count yet.
    `TimeoutStartSec=${lifeSeconds}`,
    `TimeoutStopSec=${STOP_TIMEOUT_SECONDS}`,
    `RuntimeMaxSec=${lifeSeconds}`,
    // As systemd-nspawn@.service has it, less what only disk images need.
    "DevicePolicy=closed",
    "DeviceAllow=/dev/net/tun rwm",
    "DeviceAllow=char-pts rw",
    ...devicesOf(facts).map((path) => `DeviceAllow=${path} rwm`),
    // Not there any more once cleanup has removed the machine.
    `ExecStopPost=-/bin/sh ${machinePaths(facts.name).release}`,
    // No mount of a machine is in the host's mount namespace: neither its layers, nor what nspawn
    // itself mounts below /run/systemd/nspawn (unix-export/, since 257). Measured where nothing of
    // ours needs it (btrfs, the host's network; five runs of 15 to 40 pairs): a prepare takes 1.01 to
    // 1.06 times as long as without, some 5 ms of 130; two of the same differ by up to 1.02.
    "PrivateMounts=yes",
    // Sealing an image has to reach what lies in its /tmp (systemd's docs/ENVIRONMENT.md). What a
    // person leaves there is not for an image, which is not always sealed behind them.
    ...(facts.clone.kind === "in-place" && facts.payload.kind !== "session"
      ? ["Environment=SYSTEMD_NSPAWN_TMPFS_TMP=0"]
      : []),
    // In the unit's own mount namespace nspawn finds the machine's resolvers where the host's are.
    // The dash: without it ExecStopPost would not run any more once the file has gone.
    ...(facts.network.kind === "private"
      ? [`BindReadOnlyPaths=-${machinePaths(facts.name).resolvConf}:/etc/resolv.conf`]
      : []),
  ];
}

/**
 * What the unit does when it has ended, however it ended: a script for sh. A file, not a line in the
 * unit: systemd writes a transient unit's "$" to disk doubled, and reads it back so at the next
 * daemon-reload (257). Our executable is started only when there is something to release. `cleanup`
 * holds the lock while it does that itself, and takes the state away; when it dies over it, the kernel
 * takes the lock away. Without flock(1) both release, which is slow but does no harm.
 */
function releaseScript({ driver, name }: MachineFacts): string {
  const { state, lock } = machinePaths(name);
  return [
    `[ -e ${quoteArgument(state)} ] || exit 0`,
    `exec 9>>${quoteArgument(lock)}`,
    "flock 9",
    `[ ! -e ${quoteArgument(state)} ] || exec ${formatCommand([...driver, "internal-release", name])}`,
    "",
  ].join("\n");
}
