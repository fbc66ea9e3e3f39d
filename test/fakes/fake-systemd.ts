/**
 * systemd as the project uses it: transient units of machines, which start, tell that they are
 * ready, take scripts, end, and then run their `ExecStopPost=`.
 */
import { BUILD_SLICE } from "../../src/machine/machine-units.ts";
import { type Answer, type Call, type CommandTable, REFUSED } from "./fake-commands.ts";
import type { FakeDisk } from "./fake-disk.ts";

interface Unit {
  readonly name: string;
  readonly slice: string;
  readonly properties: readonly string[];
  readonly machine: string;
  /** Not once it was killed: its processes are gone, and systemd has not seen that yet. */
  lives: boolean;
}

export type EndResult = "success" | "exit-code" | "timeout" | "signal";

export interface FakeSystemd {
  readonly units: Map<string, Unit>;
  /** They outlive their units until they are stopped themselves. */
  readonly slices: ReadonlySet<string>;
  /** With those that they are in, as systemd lists them. */
  slicesAndAbove(): string[];
  /** Names of the units that look at a disk. */
  readonly diskWatchers: ReadonlySet<string>;
  /** Names of the units that wait for the end of a process. */
  readonly watchers: ReadonlySet<string>;
  /** That process has ended: the unit that waits for it does its work. */
  endWatchers(id: number, startTicks: number): Promise<void>;
  /** SIGKILL to all of a unit. False when there is none. */
  kill(unit: string): boolean;
  /** Ends a unit as if by itself: `ExecStopPost=` runs. Nothing when there is no such unit. */
  end(unit: string, result: EndResult): Promise<void>;
  readonly commands: CommandTable;
}

/** Thrown by a process that is another program from now on. */
export class Became extends Error {
  readonly argv: readonly string[];
  constructor(argv: readonly string[]) {
    super(`became ${argv[0]}`);
    this.argv = argv;
  }
}

/** What a script prints and how it ends, when a machine runs it. */
export type RunScript = (text: string) => { readonly output: string; readonly code: number };

/** What a person does in the tree of a machine; their exit code. */
export type Work = (tree: string) => number;

const isOfBuild = (slice: string): boolean => slice.startsWith("nspawn_runner-build-");

/** nspawn of whichever machine is asked for: nobody compares them. */
const MAIN_PID = 4711;

export function openSystemd(options: {
  readonly disk: FakeDisk;
  readonly runScript: RunScript;
  readonly work: Work;
  /** Runs a command in a unit. */
  readonly runCommand: (call: Call) => Answer | Promise<Answer>;
  /** Runs our own program, as another process, with a hidden command. */
  readonly runDriver: (
    words: readonly string[],
    environment: Readonly<Record<string, string>>,
  ) => Promise<void>;
}): FakeSystemd {
  const { disk } = options;
  disk.ensureDirectory(`/proc/${MAIN_PID}/task/${MAIN_PID}`, 0o755);
  disk.create("open", `/proc/${MAIN_PID}/task/${MAIN_PID}/children`, {
    kind: "file",
    mode: 0o444,
    text: "4712 ",
  });
  const units = new Map<string, Unit>();
  const slices = new Set<string>();
  const slicesAndAbove = (): string[] => [
    ...slices,
    ...([...slices].some(isOfBuild) ? [BUILD_SLICE] : []),
  ];
  const watchers = new Set<string>();
  const diskWatchers = new Set<string>();
  const watcherOf = (id: number, startTicks: number): string =>
    `nspawn-runner-watch-${id}-${startTicks}.service`;

  const end = async (name: string, result: EndResult): Promise<void> => {
    const unit = units.get(name);
    if (unit === undefined) return;
    units.delete(name);
    // The script of `ExecStopPost=` starts us only when there is something to release.
    const runtime = `/run/nspawn-runner/machines/${unit.machine}`;
    const needed = ["release", "state.json"].map((file) => disk.look(`${runtime}/${file}`, false));
    if (needed.includes(undefined)) return;
    await options.runDriver(["internal-release", unit.machine], {
      SERVICE_RESULT: result,
      EXIT_CODE: result === "success" ? "exited" : "killed",
      EXIT_STATUS: result === "success" ? "0" : "KILL",
    });
  };

  const start = async (argv: readonly string[]): Promise<Answer> => {
    const option = (key: string): string | undefined =>
      argv.find((word) => word.startsWith(`--${key}=`))?.slice(key.length + 3);
    const execStart = argv.slice(argv.indexOf("--") + 1);
    const emptiesTrash = execStart.indexOf("internal-empty-trash");
    if (emptiesTrash >= 0) {
      await options.runDriver(execStart.slice(emptiesTrash), {});
      return { exitCode: 0 };
    }
    const machine = /\/machines\/([^/]+)\/release$/m.exec(argv.join("\n"))?.[1] ?? "";
    const unit: Unit = {
      name: option("unit") ?? "",
      slice: option("slice") ?? "",
      properties: argv.flatMap((word) => word.split(/^--property=/).slice(1)),
      machine,
      lives: true,
    };
    if (units.has(unit.name)) return { exitCode: 1, stderr: "Unit was already loaded." };
    if (unit.name.startsWith("nspawn-runner-disk-")) {
      diskWatchers.add(unit.name);
      return { exitCode: 0 };
    }
    if (unit.name.startsWith("nspawn-runner-watch-")) {
      watchers.add(unit.name);
      return { exitCode: 0 };
    }
    units.set(unit.name, unit);
    slices.add(unit.slice);
    const nspawn = await programOf(execStart);
    const booted = bootMachine(disk, options.runScript, nspawn);
    // Such a unit is waited for: a person works in it.
    if (booted && argv.includes("--wait")) {
      const exitCode = options.work(rootOf(nspawn));
      await end(unit.name, exitCode === 0 ? "success" : "exit-code");
      return { exitCode };
    }
    if (booted) return { exitCode: 0 };
    await end(unit.name, "exit-code");
    return { exitCode: 1, stderr: "Job failed." };
  };

  /**
   * A unit in which a command of a script of ours works, and that is waited for. Refused, the command
   * has done a half.
   */
  const attended = async ({ argv, refused }: Call): Promise<Answer> => {
    const name = argv.find((word) => word.startsWith("--unit="))?.slice("--unit=".length) ?? "";
    const script = disk.look(argv.at(-1) ?? "", false);
    const text = script?.kind === "file" ? script.text : "";
    const command = /^exec (.*) <\/dev\/null$/m.exec(text)?.[1]?.split(" ") ?? [];
    const unit = { name, slice: BUILD_SLICE, properties: [], machine: "", lives: true };
    units.set(name, unit);
    const answer = await options.runCommand({ argv: command, refused });
    units.delete(name);
    return answer;
  };

  /** A machine is started by our launcher, which becomes nspawn, or fails. */
  const programOf = async (execStart: readonly string[]): Promise<readonly string[]> => {
    if (!execStart.includes("internal-launch")) return execStart;
    try {
      await options.runDriver(execStart.slice(1), {});
      return [];
    } catch (error) {
      return error instanceof Became ? error.argv : [];
    }
  };

  const stop = async (argv: readonly string[]): Promise<Answer> => {
    const names = argv.slice(argv.indexOf("stop") + 1);
    const ends = (unit: Unit): boolean =>
      names.includes(unit.name) ||
      names.includes(unit.slice) ||
      (names.includes(BUILD_SLICE) && isOfBuild(unit.slice));
    const chosen = [...units.values()].filter(ends);
    for (const unit of chosen) await end(unit.name, "success");
    const stopped = names.filter((name) => slices.delete(name));
    return chosen.length + stopped.length > 0
      ? { exitCode: 0 }
      : { exitCode: 5, stderr: "Unit not loaded." };
  };

  const startSlice = (argv: readonly string[]): Answer => {
    const slice = argv.find((word) => word.endsWith(".slice")) ?? "";
    if (slices.has(slice)) return { exitCode: 1, stderr: "Call failed: Unit was already loaded." };
    slices.add(slice);
    return { exitCode: 0, stdout: 'o "/org/freedesktop/systemd1/job/1"\n' };
  };

  const kill = (name: string): boolean => {
    const unit = units.get(name);
    if (unit !== undefined) unit.lives = false;
    return unit !== undefined;
  };

  return {
    units,
    slices,
    slicesAndAbove,
    watchers,
    diskWatchers,
    endWatchers: async (id, startTicks) => {
      if (!watchers.delete(watcherOf(id, startTicks))) return;
      await options.runDriver(["internal-owner-gone", String(id), String(startTicks)], {});
    },
    end,
    kill,
    commands: [
      [["setpriv", "--pdeathsig=TERM"], (call) => attended(call)],
      [["systemd-run"], (call) => (call.refused ? REFUSED : start(call.argv))],
      [["busctl", "call"], (call) => (call.refused ? REFUSED : startSlice(call.argv))],
      [
        ["systemctl", "kill"],
        // nspawn is asked to end its machine, and with it its unit.
        async (call) => {
          if (call.refused) return REFUSED;
          await end(call.argv.at(-1) ?? "", "success");
          return { exitCode: 0 };
        },
      ],
      [["systemctl", "stop"], (call) => (call.refused ? REFUSED : stop(call.argv))],
      [
        ["systemctl", "--no-block", "stop"],
        ({ argv, refused }) => {
          if (refused) return REFUSED;
          slices.delete(argv.at(-1) ?? "");
          return { exitCode: 0 };
        },
      ],
      [
        ["systemctl", "list-units"],
        ({ refused }) =>
          refused
            ? REFUSED
            : {
                exitCode: 0,
                stdout: [...units.keys(), ...slicesAndAbove(), ...watchers, ...diskWatchers]
                  .map((name) => `${name} loaded active running\n`)
                  .join(""),
              },
      ],
      [
        ["systemctl", "is-active"],
        ({ argv }) => ({ exitCode: units.has(argv.at(-1) ?? "") ? 0 : 3 }),
      ],
      [
        ["systemctl", "show", "--property=FragmentPath,DropInPaths"],
        ({ refused }) =>
          refused ? REFUSED : { exitCode: 0, stdout: "FragmentPath=\nDropInPaths=\n" },
      ],
      [["systemctl", "set-property"], ({ refused }) => (refused ? REFUSED : { exitCode: 0 })],
      [
        ["systemctl", "show"],
        ({ argv, refused }) => {
          const unit = units.get(argv.at(-1) ?? "");
          if (refused || unit === undefined) return REFUSED;
          return { exitCode: 0, stdout: `MainPID=${MAIN_PID}\nControlGroup=/${unit.name}\n` };
        },
      ],
      [["systemctl", "--version"], () => ({ exitCode: 0, stdout: "systemd 257 (257.8-1)\n" })],
      [["journalctl"], () => ({ exitCode: 0, stdout: "" })],
    ],
  };
}

const rootOf = (nspawn: readonly string[]): string =>
  nspawn.find((word) => word.startsWith("--directory="))?.slice("--directory=".length) ?? "";

/** Whether the machine came up; if so its agent has said that it is ready. */
function bootMachine(disk: FakeDisk, runScript: RunScript, nspawn: readonly string[]): boolean {
  const option = (key: string): string =>
    nspawn.find((word) => word.startsWith(`--${key}=`))?.slice(key.length + 3) ?? "";
  if (disk.look(rootOf(nspawn), true)?.kind !== "directory") return false;
  const control = option("bind-ro").split(":")[0] ?? "";
  const request = disk.look(`${control}/request`, true);
  const ready = disk.look(`${control}/ready`, true);
  if (request?.kind !== "fifo" || ready?.kind !== "fifo") return false;
  request.onLine = (line) => runRequest(disk, runScript, { control, line });
  ready.lines.push("ready");
  return true;
}

/** The agent: runs a step at once and tells its end. */
function runRequest(
  disk: FakeDisk,
  runScript: RunScript,
  { control, line }: { readonly control: string; readonly line: string },
): void {
  const [, step, ask] = /^run (\S+) (\S+)$/.exec(line) ?? [];
  if (step === undefined) return;
  const script = disk.need("open", `${control}/steps/${step}/script`);
  const { output, code } = runScript(script.kind === "file" ? script.text : "");
  const tell = (name: string, ...lines: string[]): void => {
    const fifo = disk.need("open", `${control}/steps/${step}/${name}`);
    if (fifo.kind === "fifo") fifo.lines.push(...lines);
  };
  tell("output", output);
  tell(`result-${ask}`, "taken", "started 1", `exited ${code}`);
}
