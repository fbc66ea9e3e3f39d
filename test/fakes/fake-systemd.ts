/**
 * systemd as the project uses it: transient units of machines, which start, tell that they are
 * ready, take scripts, end, and then run their `ExecStopPost=`.
 */
import * as v from "valibot";
import { type Answer, type CommandTable, REFUSED } from "./fake-commands.ts";
import type { FakeDisk } from "./fake-disk.ts";

interface Unit {
  readonly name: string;
  readonly slice: string;
  readonly properties: readonly string[];
  readonly machine: string;
}

export type EndResult = "success" | "exit-code" | "timeout" | "signal";

export interface FakeSystemd {
  readonly units: Map<string, Unit>;
  /** Ends a unit as if by itself: `ExecStopPost=` runs. Nothing when there is no such unit. */
  end(unit: string, result: EndResult): Promise<void>;
  readonly commands: CommandTable;
}

/** What a script prints and how it ends, when a machine runs it. */
export type RunScript = (text: string) => { readonly output: string; readonly code: number };

export function openSystemd(options: {
  readonly disk: FakeDisk;
  readonly runScript: RunScript;
  /** Runs our own program, as another process: `internal-release MACHINE`. */
  readonly runDriver: (
    words: readonly string[],
    environment: Readonly<Record<string, string>>,
  ) => Promise<void>;
}): FakeSystemd {
  const { disk } = options;
  const units = new Map<string, Unit>();

  const end = async (name: string, result: EndResult): Promise<void> => {
    const unit = units.get(name);
    if (unit === undefined) return;
    units.delete(name);
    const post = unit.properties.find((property) => property.startsWith("ExecStopPost="));
    const words = [...(post ?? "").matchAll(/"([^"]*)"/g)].map((match) => match[1] ?? "");
    await options.runDriver(words.slice(1), {
      SERVICE_RESULT: result,
      EXIT_CODE: result === "success" ? "exited" : "killed",
      EXIT_STATUS: result === "success" ? "0" : "KILL",
    });
  };

  const start = async (argv: readonly string[]): Promise<Answer> => {
    const option = (key: string): string | undefined =>
      argv.find((word) => word.startsWith(`--${key}=`))?.slice(key.length + 3);
    const execStart = argv.slice(argv.indexOf("--") + 1);
    const machine = /"internal-release" "([^"]*)"/.exec(argv.join("\n"))?.[1] ?? "";
    const unit: Unit = {
      name: option("unit") ?? "",
      slice: option("slice") ?? "",
      properties: argv.flatMap((word) => word.split(/^--property=/).slice(1)),
      machine,
    };
    if (units.has(unit.name)) return { exitCode: 1, stderr: "Unit was already loaded." };
    units.set(unit.name, unit);
    if (bootMachine(disk, options.runScript, execStart)) return { exitCode: 0 };
    await end(unit.name, "exit-code");
    return { exitCode: 1, stderr: "Job failed." };
  };

  const stop = async (argv: readonly string[]): Promise<Answer> => {
    const names = argv.slice(argv.indexOf("stop") + 1);
    const chosen = [...units.values()].filter(
      (unit) => names.includes(unit.name) || names.includes(unit.slice),
    );
    for (const unit of chosen) await end(unit.name, "success");
    return chosen.length > 0 ? { exitCode: 0 } : { exitCode: 5, stderr: "Unit not loaded." };
  };

  return {
    units,
    end,
    commands: [
      [["systemd-run"], (call) => (call.refused ? REFUSED : start(call.argv))],
      [["systemctl", "stop"], (call) => (call.refused ? REFUSED : stop(call.argv))],
      [["systemctl", "--no-block", "stop"], () => ({ exitCode: 0 })],
      [
        ["systemctl", "list-units"],
        ({ refused }) =>
          refused
            ? REFUSED
            : {
                exitCode: 0,
                stdout: [...units.keys()].map((name) => `${name} loaded active running\n`).join(""),
              },
      ],
      [
        ["systemctl", "is-active"],
        ({ argv }) => ({ exitCode: units.has(argv.at(-1) ?? "") ? 0 : 3 }),
      ],
      [["systemctl", "--version"], () => ({ exitCode: 0, stdout: "systemd 257 (257.8-1)\n" })],
      [["journalctl"], () => ({ exitCode: 0, stdout: "" })],
    ],
  };
}

const launchSchema = v.object({
  clone: v.object({ source: v.string(), directory: v.string(), tree: v.string() }),
  idShift: v.number(),
  nspawn: v.array(v.string()),
});

/** Whether the machine came up; if so its agent has said that it is ready. */
function bootMachine(disk: FakeDisk, runScript: RunScript, execStart: readonly string[]): boolean {
  const launched = execStart.indexOf("internal-launch");
  const name = execStart[launched + 1] ?? "";
  const launch =
    launched < 0 ? undefined : readLaunch(disk, `/run/nspawn-runner/machines/${name}/launch.json`);
  const nspawn = launch?.nspawn ?? execStart;
  const option = (key: string): string =>
    nspawn.find((word) => word.startsWith(`--${key}=`))?.slice(key.length + 3) ?? "";
  const tree = launch?.clone.source ?? option("directory");
  if (disk.look(option("directory"), true)?.kind !== "directory") return false;
  if (disk.look(`${tree}/bin/sh`, false) === undefined) return false;
  const control = option("bind-ro").split(":")[0] ?? "";
  const [request, ready] = [
    disk.look(`${control}/request`, true),
    disk.look(`${control}/ready`, true),
  ];
  if (request?.kind !== "fifo" || ready?.kind !== "fifo") return false;
  request.onLine = (line) => runRequest(disk, runScript, { control, line });
  ready.lines.push("ready");
  return true;
}

/** The launcher of a layered clone, in the unit's own process. Nothing where its file is not. */
function readLaunch(disk: FakeDisk, path: string): v.InferOutput<typeof launchSchema> | undefined {
  const node = disk.look(path, false);
  if (node?.kind !== "file") return undefined;
  const launch = v.parse(launchSchema, JSON.parse(node.text));
  const { directory, source } = launch.clone;
  const mode = disk.need("stat", source).mode;
  for (const name of ["upper", "work"]) {
    const made = disk.create("mkdir", `${directory}/written/${name}`, { kind: "directory", mode });
    made.uid = launch.idShift;
  }
  return launch;
}

/** The agent: runs a step at once and tells its end. */
function runRequest(
  disk: FakeDisk,
  runScript: RunScript,
  { control, line }: { readonly control: string; readonly line: string },
): void {
  const step = /^run (\S+)$/.exec(line)?.[1];
  if (step === undefined) return;
  const script = disk.need("open", `${control}/steps/${step}/script`);
  const { output, code } = runScript(script.kind === "file" ? script.text : "");
  const tell = (name: string, ...lines: string[]): void => {
    const fifo = disk.need("open", `${control}/steps/${step}/${name}`);
    if (fifo.kind === "fifo") fifo.lines.push(...lines);
  };
  tell("output", output);
  tell("result", "started 1", `exited ${code}`);
}
