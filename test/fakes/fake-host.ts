/**
 * The one fake host: a computer in memory, with systemd, on which any number of processes of ours
 * run. Each process is a `Host` of its own, with failures to order.
 */
import { emptyTrashAction } from "../../src/cli/empty-trash.ts";
import { launchAction } from "../../src/cli/launch.ts";
import { ownerGoneAction } from "../../src/cli/owner-gone.ts";
import { releaseAction } from "../../src/cli/release.ts";
import { openClaims } from "../../src/host/claims.ts";
import type { Host } from "../../src/host/host.ts";
import { openLocks } from "../../src/host/locks.ts";
import type { Mounts } from "../../src/host/mounts.ts";
import type { ProcessFacts } from "../../src/host/process-facts.ts";
import type { ExecOptions, Processes } from "../../src/host/processes.ts";
import { MACHINES_SLICE } from "../../src/machine/machine-units.ts";
import { RunnerError } from "../../src/text/errors.ts";
import { escapeLines } from "../../src/text/escape.ts";
import { formatCommand, formatCommandFailure } from "../../src/text/format-command.ts";
import { type Effects, type FailureOrder, openEffects } from "./effects.ts";
import { type Answer, type CommandTable, fileCommands } from "./fake-commands.ts";
import { CGROUP2, type FakeDisk, type FileSystem, openDisk } from "./fake-disk.ts";
import { type LockTable, openFakeFifos, openFakeFiles } from "./fake-files.ts";
import { furnishNetwork, networkCommands } from "./fake-network.ts";
import { type FakeLimits, openFakeQuotas, openLimits, quotaCommands } from "./fake-quotas.ts";
import {
  Became,
  type FakeSystemd,
  openSystemd,
  type RunScript,
  type Work,
} from "./fake-systemd.ts";
import { openFakeTrees } from "./fake-trees.ts";
import { openLockOrder } from "./lock-order.ts";

export interface ProcessOptions {
  readonly fails?: FailureOrder;
  readonly environment?: Readonly<Record<string, string>>;
  readonly userId?: number;
  readonly signal?: AbortSignal;
  /** What the clock on its wall shows: the right time, unless somebody sets it. */
  readonly timeOfDay?: (rightMs: number) => number;
  /** Where it waits for something, others may go on until this resolves. */
  readonly pause?: () => Promise<void>;
}

export interface FakeProcess {
  readonly host: Host;
  /** Its effects in order, as text. */
  readonly effects: readonly string[];
  readonly said: readonly string[];
  /** What it wrote to stdout. */
  readonly printed: readonly string[];
}

export interface FakeComputer {
  readonly disk: FakeDisk;
  readonly limits: FakeLimits;
  readonly systemd: FakeSystemd;
  /** All that run, by their ids; every process of ours is `OWN`. */
  readonly processes: Map<number, ProcessFacts>;
  /** Ends a process: who waits for that hears of it. */
  endProcess(id: number): Promise<void>;
  start(options?: ProcessOptions): FakeProcess;
  passTime(ms: number): void;
}

export interface ComputerOptions {
  /** Mounts beyond those that every host has. */
  readonly mounts?: Readonly<Record<string, FileSystem>>;
  readonly runScript?: RunScript;
  readonly work?: Work;
  /** Commands of the test's own; they go before the usual ones. */
  readonly commands?: CommandTable;
}

/** The id of each process of ours: nobody compares them. */
export const OWN = 17;

/** Of a process that only holds a user namespace. */
const HOLDER = 4713;

const START_OF_TIME = Date.parse("2026-01-02T03:04:05Z");

export function openComputer(options: ComputerOptions = {}): FakeComputer {
  let now = START_OF_TIME;
  const disk = openDisk(() => now);
  furnish(disk, options.mounts ?? {});
  const limits = openLimits();
  const locks: LockTable = new Map();
  /** Names of a kind of their own, so that what one part draws changes nothing for another. */
  const newName = () => {
    let count = 0;
    return (length: number): string => {
      count += 1;
      return count.toString(36).padStart(length, "0");
    };
  };
  const draftName = newName();
  const randomName = newName();
  const processes = new Map<number, ProcessFacts>([
    [OWN, { id: OWN, command: "nspawn-runner", parent: 1, startTicks: 1700 }],
    [1, { id: 1, command: "systemd", parent: 0, startTicks: 1 }],
  ]);
  const systemd = openSystemd({
    disk,
    runScript: options.runScript ?? (() => ({ output: "", code: 0 })),
    work: options.work ?? (() => 0),
    runCommand: (call) => behaviourOf(table, call.argv)(call),
    runDriver: async ([verb, name = "", more = ""], environment) => {
      const context = { host: start({ environment }).host, version: "0" };
      if (verb === "internal-release") await releaseAction(context, name);
      else if (verb === "internal-owner-gone") await ownerGoneAction(context, name, more);
      else if (verb === "internal-launch") await launchAction(context, name);
      else if (verb === "internal-empty-trash") await emptyTrashAction(context, name);
      else throw new Error(`the fake runs no "${verb}"`);
    },
  });
  const table: CommandTable = [
    ...(options.commands ?? []),
    ...systemd.commands,
    ...fileCommands(disk),
    ...quotaCommands(disk, limits),
    ...networkCommands(),
  ];

  const start = (how: ProcessOptions = {}): FakeProcess => {
    const effects = openEffects(how.fails);
    const said: string[] = [];
    const printed: string[] = [];
    const say = (text: string): void => void said.push(text);
    const signal = how.signal ?? new AbortController().signal;
    const pause = how.pause ?? (async () => {});
    const sleep = async (ms: number): Promise<void> => {
      now += ms;
      await pause();
    };
    const order = openLockOrder();
    const locksOf = openLocks({ sleep, signal, findHolder: () => 'process 17 ("nspawn-runner")' });
    const files = openFakeFiles(disk, { locks, effects, order, randomName: draftName });
    const host: Host = {
      environment: how.environment ?? {},
      workingDirectory: "/root",
      userId: how.userId ?? 0,
      processId: OWN,
      commandLine: ["nspawn-runner"],
      driver: ["/usr/bin/nspawn-runner"],
      architecture: "x64",
      files,
      trees: openFakeTrees(disk, effects),
      claims: openClaims(files),
      connections: { forget: () => {} },
      locks: {
        ...locksOf,
        wait: async (request) => {
          order.aboutToWait(request.path);
          return locksOf.wait(request);
        },
      },
      fifos: openFakeFifos(disk),
      names: { lookUp: async () => ["192.0.2.80"] },
      mounts: openFakeMounts(disk, effects),
      quotas: openFakeQuotas(disk, effects, limits),
      processes: openFakeProcesses(table, { effects, processes, pause }),
      cgroups: {
        exists: (path) =>
          [systemd.units, systemd.watchers, systemd.diskWatchers].some((all) =>
            all.has(unitOf(path)),
          ),
        isPopulated: (path) => systemd.units.get(unitOf(path))?.lives === true,
        hasProcesses: () => false,
        // A kernel without controllers.
        read: () => undefined,
        write: () => {},
        list: (path) => (path === MACHINES_SLICE ? systemd.slicesAndAbove() : []),
        // systemd removes them with their slice.
        prune: () => {},
        kill: (path) => effects.change(`kill ${path}`, () => systemd.kill(unitOf(path))),
      },
      clock: {
        nowMs: () => how.timeOfDay?.(now) ?? now,
        elapsedMs: () => now,
        sleep,
      },
      log: {
        level: "debug",
        ...{ info: say, warn: say, verbose: say, debug: say, error: say },
        setFields: () => {},
        hide: () => {},
      },
      signal,
      randomName,
      terminal: false,
      print: (text) => void printed.push(escapeLines(text)),
      writeOut: async (bytes) => {
        printed.push(Buffer.from(bytes).toString());
        return true;
      },
    };
    return { host, effects: effects.log, said, printed };
  };
  return {
    disk,
    limits,
    systemd,
    processes,
    endProcess: async (id) => {
      const ended = processes.get(id);
      processes.delete(id);
      if (ended !== undefined) await systemd.endWatchers(id, ended.startTicks);
    },
    start,
    passTime: (ms) => {
      now += ms;
    },
  };
}

/** What the project looks for on a host. */
function furnish(disk: FakeDisk, mounts: Readonly<Record<string, FileSystem>>): void {
  disk.ensureDirectory("/run/systemd/system", 0o755);
  disk.ensureDirectory("/usr/bin", 0o755);
  disk.ensureDirectory("/proc/self", 0o755);
  const file = (path: string, text: string): void => {
    disk.create("open", path, { kind: "file", mode: 0o755, text });
  };
  file("/usr/bin/systemd-nspawn", "program");
  file("/proc/self/cgroup", "0::/user.slice\n");
  disk.ensureDirectory("/proc/sys/kernel/random", 0o755);
  file("/proc/sys/kernel/random/boot_id", "b00t\n");
  file("/proc/sys/kernel/pid_max", "4194304\n");
  file("/proc/sys/kernel/threads-max", "65536\n");
  file("/proc/meminfo", "MemTotal:        8388608 kB\n");
  file("/proc/stat", "cpu  1 2 3\ncpu0 1 2 3\ncpu1 1 2 3\n");
  furnishNetwork(disk);
  disk.mount("/sys/fs/cgroup", CGROUP2);
  for (const [path, fileSystem] of Object.entries(mounts)) disk.mount(path, fileSystem);
}

/** What is mounted is seen by the machine alone, so nothing of it shows here. */
function openFakeMounts(disk: FakeDisk, effects: Effects): Mounts {
  const mount = (what: string, ...paths: string[]): void =>
    effects.change(`mount ${what}`, () => {
      for (const path of paths) disk.directoryAt("mount", path);
    });
  return {
    tmpfs: ({ target }) => mount(`tmpfs ${target}`, target),
    idMapped: async ({ source, target }) => mount(`${source} ${target}`, source, target),
    overlay: ({ target, lower, upper, work }) =>
      mount(`overlay ${target}`, target, lower, upper, work),
    // One that is read-only is the administrator's, and held.
    detachBelow: (path) => findMounts(disk, path),
  };
}

function findMounts(disk: FakeDisk, path: string, around?: FileSystem): string[] {
  const node = disk.look(path, false);
  if (node?.kind !== "directory") return [];
  const { fileSystem, readOnly } = node.volume;
  if (around !== undefined && around !== fileSystem && readOnly) return [path];
  return [...node.entries.keys()].flatMap((name) =>
    findMounts(disk, `${path}/${name}`, fileSystem),
  );
}

interface ProcessesParts {
  readonly effects: Effects;
  readonly processes: ReadonlyMap<number, ProcessFacts>;
  readonly pause: () => Promise<void>;
}

function behaviourOf(table: CommandTable, argv: readonly string[]) {
  const found = table.find(([prefix]) => prefix.every((word, index) => argv[index] === word));
  if (found === undefined) throw new Error(`the fake knows no "${formatCommand(argv)}"`);
  return found[1];
}

function openFakeProcesses(
  table: CommandTable,
  { effects, processes, pause }: ProcessesParts,
): Processes {
  const run = async (argv: readonly string[], _options?: ExecOptions) => {
    const behaviour = behaviourOf(table, argv);
    await pause();
    const fate = effects.begin(formatCommand(argv));
    const answer: Answer = await behaviour({ argv, refused: fate === "refused" });
    await pause();
    const failed = fate !== "works" && answer.exitCode === 0;
    return {
      argv,
      exitCode: failed ? 1 : answer.exitCode,
      signal: undefined,
      stdout: failed ? "" : (answer.stdout ?? ""),
      stderr: answer.stderr ?? "",
      durationMs: 0,
    };
  };
  return {
    run,
    exec: async (argv, options) => {
      const result = await run(argv, options);
      if (result.exitCode === 0) return result.stdout;
      throw new RunnerError({ kind: "system", message: formatCommandFailure(result) });
    },
    pipe: () => {
      throw new Error("the fake has no pipes");
    },
    leave: async (argv) => {
      await run(argv);
    },
    become: (argv) => {
      throw new Became(argv);
    },
    holdIds: async () => HOLDER,
    which: (command) =>
      table.some(([prefix]) => prefix[0] === command) ? `/usr/bin/${command}` : undefined,
    probe: (id) => processes.get(id),
  };
}

/** A unit's cgroup has its name, whatever slice it is in and whatever part of it is meant. */
const unitOf = (cgroup: string): string =>
  cgroup.split("/").find((part) => part.endsWith(".service")) ?? "";
