/**
 * A machine lives as long as the GitLab Runner that asked for it, to the end of its last job: while
 * its service is being stopped, restarted or upgraded, and no longer when it is killed. The runner
 * here is a shell by that name, which calls the stages of one job as a real one does.
 */
import { describe, expect, test } from "bun:test";
import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import {
  cleanUpAfterEach,
  command,
  expectNothingLeft,
  later,
  openRunner,
  PLACES,
  scriptFile,
  start,
  uniqueName,
  unitOf,
} from "./harness.ts";

cleanUpAfterEach();

const [place] = PLACES;
if (place === undefined) throw new Error("There is no storage.");
const runner = openRunner(place);
const SERVICE = "gitlab-runner.service";
const UNIT_FILE = `/run/systemd/system/${SERVICE}`;

/** A job that a runner of ours has begun: its script waits until it is let go on. */
interface RunningJob {
  readonly name: string;
  /** The runner's own process. */
  readonly pid: number;
  /** The unit that waits for the runner's end. */
  readonly watcher: string;
  /** Lets the script end, where the machine is there yet. */
  finish(): Promise<unknown>;
  /** How the script's `run` ended, once `cleanup` is through. */
  result(): string;
}

/**
 * What the runner does: the stages of one job, then nothing. SIGQUIT lets it end after its job, as it
 * does a real one; it gets the signal in its own time, for a shell waits for what it has called.
 */
function makeRunner(name: string): {
  readonly argv: readonly string[];
  readonly path: (of: string) => string;
} {
  const path = (of: string): string => `/tmp/${name}-${of}`;
  const program = `/tmp/${name}/gitlab-runner`;
  Bun.spawnSync(["mkdir", `/tmp/${name}`]);
  later(() => rmSync(`/tmp/${name}`, { recursive: true }));
  later(() => rmSync(path("result"), { force: true }));
  copyFileSync("/bin/bash", program);
  Bun.spawnSync(["mkfifo", path("going")]);
  later(() => rmSync(path("going")));
  const job = scriptFile(`echo going; until [ -e /go-on ]; do sleep 0.05; done`);
  const script = scriptFile(`
    trap leaving=1 QUIT
    export NSPAWN_RUNNER_CONFIG=${runner.environment.NSPAWN_RUNNER_CONFIG}
    if ! [ -e ${path("result")} ]; then
      nspawn-runner prepare --id ${name} trixie || exit
      nspawn-runner run --id ${name} ${job} >${path("going")}
      code=$?
      nspawn-runner cleanup --id ${name}
      echo "run $code, cleanup $?" >${path("result")}
    fi
    [ -n "$leaving" ] || { sleep infinity & wait; }
  `);
  return { argv: [program, script], path };
}

async function started(
  name: string,
  path: (of: string) => string,
  pid: () => Promise<number>,
): Promise<RunningJob> {
  later(() => runner.call("cleanup", "--id", name));
  expect((await command("head", "-n1", path("going"))).stdout).toBe("going\n");
  const owner = await pid();
  return {
    name,
    pid: owner,
    watcher: watcherOf(owner),
    // The machine may be cleaned up before this call has heard of its own script's end.
    finish: () => runner.call("run", "--id", name, scriptFile("touch /go-on")),
    result: () => readFileSync(path("result"), "utf8"),
  };
}

/** The runner as a service; with what GitLab's manual says of a graceful stop. */
async function startService(): Promise<RunningJob> {
  const name = uniqueName();
  const { argv, path } = makeRunner(name);
  const unit = `[Service]
ExecStart=${argv.join(" ")}
KillSignal=SIGQUIT
TimeoutStopSec=60
Environment=PATH=${process.env.PATH}
`;
  writeFileSync(UNIT_FILE, unit);
  later(() => command("systemctl", "daemon-reload"));
  later(() => rmSync(UNIT_FILE));
  later(() => command("systemctl", "kill", "--signal=KILL", SERVICE));
  await command("systemctl", "daemon-reload");
  await command("systemctl", "start", SERVICE);
  return started(name, path, async () => {
    const shown = await command("systemctl", "show", "-P", "MainPID", SERVICE);
    return Number(shown.stdout);
  });
}

/** The runner as a program that a person has started. */
async function startProgram(): Promise<RunningJob> {
  const name = uniqueName();
  const { argv, path } = makeRunner(name);
  const program = start(argv);
  later(() => program.kill("SIGKILL"));
  return started(name, path, async () => program.pid);
}

const AWAIT = 'until [ "$(systemctl show -P ActiveState "$0")" = "$1" ]; do :; done';
const awaitState = (unit: string, state: string): Promise<unknown> =>
  command("bash", "-c", AWAIT, unit, state);

/** The start is the 22nd field of proc_pid_stat(5), and the 20th behind the name. */
function watcherOf(pid: number): string {
  const [, fields = ""] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ");
  return `nspawn-runner-watch-${pid}-${fields.split(" ")[19]}.service`;
}

describe("the service of GitLab Runner", () => {
  test.each([
    ["stopped", [["stop"]]],
    ["restarted", [["restart"]]],
    ["upgraded", [["stop"], ["start"]]],
  ])(
    "%s: the job that runs ends as it would have, and its machine with it",
    async (_title, verbs) => {
      const job = await startService();
      const [first = [], ...more] = verbs;
      const stopping = command("systemctl", ...first, SERVICE);
      await awaitState(SERVICE, "deactivating");
      await job.finish();
      await stopping;
      for (const words of more) await command("systemctl", ...words, SERVICE);
      expect(job.result()).toBe("run 0, cleanup 0\n");
      await awaitState(job.watcher, "inactive");
      expectNothingLeft(place, job.name);
      const state = await command("systemctl", "is-active", SERVICE);
      expect(state.stdout).toBe(
        first[0] === "stop" && more.length === 0 ? "inactive\n" : "active\n",
      );
    },
  );

  test("killed: its machine ends too, and its watcher", async () => {
    const job = await startService();
    process.kill(job.pid, "SIGKILL");
    await awaitState(job.watcher, "inactive");
    expectNothingLeft(place, job.name);
  });
});

describe("GitLab Runner, as a program that somebody started", () => {
  test("killed: its machine ends, and the call that was under way", async () => {
    const job = await startProgram();
    const call = Number((await command("pgrep", "--parent", String(job.pid))).stdout);
    process.kill(job.pid, "SIGKILL");
    await awaitState(job.watcher, "inactive");
    expectNothingLeft(place, job.name);
    await command("tail", `--pid=${call}`, "-f", "/dev/null");
  });

  test("killed after its watcher was killed: another has taken its place", async () => {
    const job = await startProgram();
    const shown = await command("systemctl", "show", "-P", "MainPID", job.watcher);
    process.kill(Number(shown.stdout), "SIGKILL");
    process.kill(job.pid, "SIGKILL");
    await awaitState(unitOf(job.name), "inactive");
    await awaitState(job.watcher, "inactive");
    expectNothingLeft(place, job.name);
  });

  test("killed while it prepares: what it had called gives up", async () => {
    const name = uniqueName();
    const { argv } = makeRunner(name);
    later(() => runner.call("cleanup", "--id", name));
    const program = start(argv);
    const state = `/run/nspawn-runner/machines/${name}/state.json`;
    while (!existsSync(state)) await new Promise(setImmediate);
    const watcher = watcherOf(program.pid);
    program.kill("SIGKILL");
    expect((await program.ended).stderr).toMatch(/is not wanted any more|Cannot boot machine/);
    await awaitState(watcher, "inactive");
    expectNothingLeft(place, name);
  });
});

test("two machines of one owner have one watcher, which is a shell", async () => {
  const names = [uniqueName(), uniqueName()];
  for (const name of names) later(() => runner.call("cleanup", "--id", name));
  const owner = start(["sleep", "infinity"]);
  later(() => owner.kill("SIGKILL"));
  const environment = { ...runner.environment, NSPAWN_RUNNER_OWNER: String(owner.pid) };
  const prepare = (name: string) =>
    start(["nspawn-runner", "prepare", "--id", name, "trixie"], environment).ended;
  for (const { code, stderr } of await Promise.all(names.map(prepare))) {
    expect({ code, stderr }).toMatchObject({ code: 0 });
  }
  const watcher = watcherOf(owner.pid);
  const shown = await command("systemctl", "show", "-P", "ControlGroup", watcher);
  const processes = readFileSync(`/sys/fs/cgroup${shown.stdout.trim()}/cgroup.procs`, "utf8");
  const programs = processes
    .trim()
    .split("\n")
    .map((pid) => readFileSync(`/proc/${pid}/comm`, "utf8"));
  expect(programs.sort()).toEqual(["sh\n", "sleep\n"]);
  owner.kill("SIGKILL");
  await awaitState(watcher, "inactive");
  for (const name of names) expectNothingLeft(place, name);
});
