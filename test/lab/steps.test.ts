/** Whatever becomes of a machine, its agent or us while a script is begun, runs or ends: `run` ends. */
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import {
  cleanUpAfterEach,
  command,
  type Ended,
  later,
  type Machine,
  openRunner,
  type Started,
  start,
  uniqueName,
} from "./harness.ts";

cleanUpAfterEach();

const runner = openRunner({ kind: "btrfs", root: "/fs/btrfs/root" });

/** How long "within a second" is on a computer that others use too. */
const SOON_MS = 1500;
/** TERM, KILL, and the second that the agent has then. */
const CANCEL_MS = 1600 + SOON_MS;
const AGENT_MS = 20_000 + SOON_MS;

const controlOf = ({ name }: Machine): string => `/run/nspawn-runner/machines/${name}/control`;

function cgroupOf({ name, unit }: Machine): string {
  const slice = `nspawn_runner-${unit.slice("nspawn-runner-".length, -".service".length)}.slice`;
  const path = `/sys/fs/cgroup/nspawn_runner.slice/${slice}/${unit}`;
  if (!existsSync(path)) throw new Error(`machine "${name}" has no cgroup`);
  return path;
}

/** Its nspawn and all in it, at once. */
function killMachine(machine: Machine): void {
  const cgroup = cgroupOf(machine);
  for (const part of ["supervisor", "payload"]) writeFileSync(`${cgroup}/${part}/cgroup.kill`, "1");
}

/** Host PIDs of the machine's processes with these words in their command line. */
function processesOf(machine: Machine, words: string): number[] {
  const found: number[] = [];
  const payload = `${cgroupOf(machine)}/payload`;
  for (const path of readdirSync(payload, { recursive: true, encoding: "utf8" })) {
    if (!path.endsWith("cgroup.procs")) continue;
    const text = readFileSync(`${payload}/${path}`, "utf8");
    for (const pid of text.split("\n").filter((line) => line !== "")) {
      const line = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
      if (line.endsWith(words)) found.push(Number(pid));
    }
  }
  return found.sort((one, other) => one - other);
}

const AGENT = "sh /run/nspawn-runner/agent";
/** The agent itself, not what it has forked for a step. */
const agentOf = (machine: Machine): number => processesOf(machine, AGENT)[0] ?? 0;

async function measure(
  action: () => unknown,
  running: Started,
): Promise<Ended & { afterMs: number }> {
  const at = performance.now();
  action();
  const ended = await running.ended;
  return { ...ended, afterMs: performance.now() - at };
}

describe("a machine that is killed", () => {
  const rounds = Number(process.env.NSPAWN_RUNNER_SOAK ?? 100);

  test(`at ${rounds} random moments around the start of a script is noticed at once`, async () => {
    let slowest = 0;
    for (let round = 0; round < rounds; round += 1) {
      const machine = await runner.machine("nosystemd");
      const running = machine.start("echo going; sleep 300");
      const delayMs = Math.random() * 60;
      await Bun.sleep(delayMs);
      const ended = await measure(() => killMachine(machine), running);
      slowest = Math.max(slowest, ended.afterMs);
      expect({ delayMs, ...ended }).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(/Machine ".*" is gone: /),
      });
      expect({ delayMs, late: ended.afterMs > SOON_MS }).toEqual({ delayMs, late: false });
      expect((await runner.call("cleanup", "--id", machine.name)).code).toBe(0);
    }
    console.log(`slowest answer: ${Math.round(slowest)} ms`);
  }, 3_600_000);

  test.each([
    ["a power-off inside", "poweroff; sleep 300"],
    ["a forced power-off inside", "poweroff -ff; sleep 300"],
  ])("by %s is told in one way", async (_title, script) => {
    const machine = await runner.machine("trixie");
    const ended = await machine.run(script);
    expect(ended).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("is gone: it was shut down from inside."),
    });
    const again = await machine.run("true");
    expect(again.stderr).toContain("is gone: it was shut down from inside.");
  });

  test("by a stop of its unit is told as another", async () => {
    const machine = await runner.machine("trixie");
    const running = machine.start("echo going; sleep 300");
    await running.awaitOutput("going");
    await command("systemctl", "stop", machine.unit);
    expect((await running.ended).stderr).toContain(
      "is gone: its main process was ended by signal KILL.",
    );
  });
});

describe("an agent", () => {
  test.each(["trixie", "nosystemd"])(
    "that is stopped by the job of %s cannot hold a cancel up",
    async (image) => {
      const machine = await runner.machine(image);
      const running = machine.start(`
      trap '' TERM
      for stat in /proc/[0-9]*/cmdline; do
        grep -q nspawn-runner/agent $stat 2>/dev/null && pid=\${stat#/proc/} && kill -STOP \${pid%/cmdline}
      done
      echo going; while :; do sleep 1; done`);
      await running.awaitOutput("going");
      const ended = await measure(() => running.kill("SIGTERM"), running);
      expect(ended).toMatchObject({
        code: 1,
        stderr: expect.stringContaining(
          "the machine's agent did not end it, so we ended the machine",
        ),
      });
      expect(ended.afterMs).toBeLessThan(CANCEL_MS);
      expect((await machine.run("true")).stderr).toContain("is gone");
    },
  );

  test("that has not taken a script when we are told to end never runs it, and runs the next", async () => {
    const machine = await runner.machine("nosystemd");
    const agent = agentOf(machine);
    process.kill(agent, "SIGSTOP");
    const running = machine.start("touch /root/ran");
    const asked = 'until [ -n "$(ls -A "$0")" ]; do :; done; sleep 0.2';
    await command("bash", "-c", asked, `${controlOf(machine)}/steps`);
    const ended = await measure(() => running.kill("SIGTERM"), running);
    expect(ended).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("The script was cancelled before it began."),
    });
    expect(ended.afterMs).toBeLessThan(SOON_MS);
    process.kill(agent, "SIGCONT");
    expect(await machine.run("test ! -e /root/ran && echo never")).toMatchObject({
      stdout: "never\n",
    });
  });

  test("that is killed before it takes a script is asked again, once it is back", async () => {
    const machine = await runner.machine("trixie");
    const agent = agentOf(machine);
    process.kill(agent, "SIGSTOP");
    const running = machine.start("echo x >>/root/runs; cat /root/runs");
    const asked = 'until [ -n "$(ls -A "$0")" ]; do :; done; sleep 0.2';
    await command("bash", "-c", asked, `${controlOf(machine)}/steps`);
    process.kill(agent, "SIGKILL");
    expect(await running.ended).toMatchObject({ code: 0, stdout: "x\n" });
  });

  test("that lost a request, and is back before we look, is asked again", async () => {
    // Its first request goes nowhere, though somebody reads all the time.
    const machine = await withFalseAgent(
      '[ "$ask" = 2 ] || continue; exec 6>$1; echo taken >&6; echo started 77 >&6; : >$(dirname $1)/output 2>&1; echo exited 5 >&6; exec 6>&-',
    );
    const ended = await machine.run("true");
    expect(ended).toMatchObject({ code: 1 });
    expect(ended.ms).toBeLessThan(1000 + 2 * SOON_MS);
  });

  test("that is killed under a script leaves it running to its end", async () => {
    const machine = await runner.machine("trixie");
    const running = machine.start("echo going; until [ -e /root/go ]; do sleep 0.1; done; exit 7");
    await running.awaitOutput("going");
    process.kill(agentOf(machine), "SIGKILL");
    expect((await machine.run("touch /root/go")).code).toBe(0);
    expect(await running.ended).toMatchObject({ code: 1, stderr: "" });
  });

  test("whose process for the step is killed is named, and the script is ended", async () => {
    const machine = await runner.machine("trixie");
    const running = machine.start("echo going; exec sleep 300");
    await running.awaitOutput("going");
    const [, forked = 0] = processesOf(machine, AGENT);
    const ended = await measure(() => process.kill(forked, "SIGKILL"), running);
    expect(ended).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(
        `The agent of machine "${machine.name}" was ended while it ran the script.`,
      ),
    });
    expect(ended.afterMs).toBeLessThan(SOON_MS);
    const gone = "until ! pgrep -x sleep; do :; done >/dev/null; echo gone";
    expect((await machine.run(gone)).stdout).toBe("gone\n");
  });

  /** In place of the agent: takes each request, and does that with the FIFO for the answers, $1. */
  async function withFalseAgent(answer: string): Promise<Machine> {
    const machine = await runner.machine("nosystemd");
    const begin = `
      cat >/root/agent <<'X'
exec 3<>/run/nspawn-runner/request
while read -r verb step ask <&3; do
  set -- /run/nspawn-runner/steps/$step/result-$ask
  ${answer}
done
X
      setsid sh /root/agent </dev/null >/dev/null 2>&1 &`;
    const agent = agentOf(machine);
    expect((await machine.run(begin)).code).toBe(0);
    process.kill(agent, "SIGSTOP");
    return machine;
  }

  test.each([
    ["garbage", "printf 'gar\\033[31mbage\\n' >$1", 'makes no sense: "gar\\\\x1b[31mbage"'],
    ["a line without an end", "yes | tr -d '\\n' >$1", "answered what makes no sense."],
    ["no start", "printf 'taken\\nstarted x\\n' >$1", "answered what makes no sense"],
    [
      "a strange end",
      "printf 'taken\\nstarted 77\\nexited 256\\n' >$1",
      "answered what makes no sense",
    ],
    ["half of it", "printf 'taken\\nstar' >$1", "took the script and was ended"],
  ])("that answers %s is named at once", async (_title, answer, words) => {
    const machine = await withFalseAgent(answer);
    const ended = await machine.run("true");
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain(`The agent of machine "${machine.name}" `);
    expect(ended.stderr).toMatch(new RegExp(words.replaceAll("[", "\\[")));
    expect(ended.ms).toBeLessThan(SOON_MS);
  });

  // All at once: each of them takes the whole time that an agent has.
  test("that does not begin a script is waited for no longer than it may take, and no longer than we may", async () => {
    const notTaken = "did not take the script within 20 s";
    const cases: readonly (readonly [answer: string, words: string])[] = [
      ["exec 6>$1; sleep 300", notTaken],
      ["exec 6>$1; printf tak >&6; sleep 300", notTaken],
      [
        "exec 6>$1; echo taken >&6; sleep 300",
        "did not begin the script that it has taken within 20 s",
      ],
      ["sleep 300", notTaken],
    ];
    const look = async (answer: string, words: string): Promise<void> => {
      const [patient, cancelled] = await Promise.all([
        withFalseAgent(answer),
        withFalseAgent(answer),
      ]);
      const waiting = patient.run("true");
      const running = cancelled.start("true");
      const asked = 'until [ -n "$(ls -A "$0")" ]; do :; done; sleep 0.2';
      await command("bash", "-c", asked, `${controlOf(cancelled)}/steps`);
      const ended = await measure(() => running.kill("SIGTERM"), running);
      const late = await waiting;
      expect({ answer, codes: [ended.code, late.code] }).toEqual({ answer, codes: [1, 2] });
      expect(ended.afterMs).toBeLessThan(CANCEL_MS);
      expect(late.stderr).toContain(`The agent of machine "${patient.name}" ${words}`);
      expect(late.ms).toBeLessThan(AGENT_MS + SOON_MS);
    };
    await Promise.all(cases.map(([answer, words]) => look(answer, words)));
  });

  test("whose requests go nowhere, as their FIFO is full or gone, is named", async () => {
    const fill = 'exec 3<>"$0"; dd if=/dev/zero of="$0" oflag=nonblock bs=4k status=none';
    const harms: readonly ((request: string) => unknown)[] = [
      (request) => command("sh", "-c", fill, request),
      (request) => rmSync(request),
    ];
    const look = async (harm: (request: string) => unknown): Promise<void> => {
      const machine = await runner.machine("nosystemd");
      const running = machine.start("echo going; trap '' TERM; while :; do sleep 1; done");
      await running.awaitOutput("going");
      process.kill(agentOf(machine), "SIGSTOP");
      await harm(`${controlOf(machine)}/request`);
      const late = await machine.run("true");
      expect(late).toMatchObject({
        code: 2,
        stderr: expect.stringContaining("did not take the script within 20 s"),
      });
      expect(late.ms).toBeLessThan(AGENT_MS);
      // A cancel of the script that runs cannot be told to the agent either.
      const ended = await measure(() => running.kill("SIGTERM"), running);
      expect(ended).toMatchObject({ code: 1, stderr: expect.not.stringContaining("Fault") });
      expect(ended.afterMs).toBeLessThan(CANCEL_MS);
    };
    await Promise.all(harms.map(look));
  });
});

describe("the end of the output", () => {
  const thief = `
    for fifo in /run/nspawn-runner/steps/*/output; do setsid cat $fifo >/dev/null 2>&1 & done
    sleep 0.3; echo done >/root/done`;

  test("that the job reads away holds the call for seconds only", async () => {
    const machine = await runner.machine("trixie");
    // Not always: the thief and we read by turns.
    for (let round = 0; round < 5; round += 1) {
      const ended = await machine.run(thief);
      expect(ended.code).toBe(0);
      expect(ended.ms).toBeLessThan(5000 + 2 * SOON_MS);
    }
  });

  test("that never comes is not waited for once we are told to end", async () => {
    const machine = await runner.machine("trixie");
    const many = thief
      .replace("setsid cat", "for i in 1 2 3 4 5 6 7 8; do setsid cat")
      .replace("& done", "& done; done");
    const running = machine.start(many);
    const script = "until [ -e /root/done ]; do sleep 0.1; done";
    await machine.run(script);
    const ended = await measure(() => running.kill("SIGTERM"), running);
    expect([0, 1]).toContain(ended.code);
    expect(ended.afterMs).toBeLessThan(SOON_MS);
  });
});

describe("a script that is cancelled", () => {
  test("and ignores it is ended by SIGKILL, which is told as ours, not as lack of memory", async () => {
    const machine = await runner.machine("trixie");
    const running = machine.start("trap '' TERM\necho going\nwhile :; do sleep 1; done");
    await running.awaitOutput("going");
    const ended = await measure(() => running.kill("SIGTERM"), running);
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain(
      "it had not ended 0.6 s after SIGTERM, so we ended it by SIGKILL",
    );
    expect(ended.stderr).not.toContain("memory");
    expect((await machine.run("echo lives")).stdout).toBe("lives\n");
  });

  test("says what it has to say, though told twice, and though we stood still meanwhile", async () => {
    const machine = await runner.machine("trixie");
    const running = machine.start("trap 'echo bye; exit 4' TERM\necho going\nsleep 300 & wait");
    await running.awaitOutput("going");
    running.kill("SIGSTOP");
    running.kill("SIGTERM");
    running.kill("SIGCONT");
    running.kill("SIGTERM");
    expect(await running.ended).toMatchObject({ code: 1, stdout: "going\nbye\n" });
  });

  test("by SIGKILL of ours alone leaves a machine that runs the next", async () => {
    const machine = await runner.machine("trixie");
    const running = machine.start("echo going; sleep 300");
    await running.awaitOutput("going");
    running.kill("SIGKILL");
    await running.ended;
    expect((await machine.run("echo next")).stdout).toBe("next\n");
  });
});

describe("SIGQUIT, as a service of GitLab Runner's sends it to all its processes to be drained", () => {
  test("ends no script", async () => {
    const machine = await runner.machine("trixie");
    const running = machine.start(
      "echo going; until [ -e /root/go ]; do sleep 0.1; done; echo whole",
    );
    await running.awaitOutput("going");
    running.kill("SIGQUIT");
    await machine.run("touch /root/go");
    expect(await running.ended).toMatchObject({ code: 0, stdout: "going\nwhole\n" });
  });

  test("is for a script as for any other: its default is to end it", async () => {
    const machine = await runner.machine("trixie");
    const ended = await machine.run("{ sh -c 'kill -QUIT $$; exit 0'; echo $?; } 2>/dev/null");
    expect(ended.stdout).toBe("131\n");
  });

  test("ends no preparation, nor what that has started", async () => {
    const name = uniqueName();
    later(() => runner.call("cleanup", "--id", name));
    const argv = ["setsid", "nspawn-runner", "prepare", "--id", name, "trixie"];
    const preparing = start(argv, runner.environment);
    // Ready once it has a handler: SigCgt of proc(5), bit 3.
    const ready = `until grep -qE '^SigCgt:.*[4-7c-f]$' /proc/${preparing.pid}/status; do :; done`;
    await command("bash", "-c", ready);
    let ended = false;
    let signals = 0;
    const done = preparing.ended.then(() => (ended = true));
    while (!ended) {
      try {
        process.kill(-preparing.pid, "SIGQUIT");
        signals += 1;
      } catch {
        // It has just ended.
      }
      await Promise.race([done, Bun.sleep(2)]);
    }
    expect(await preparing.ended).toMatchObject({ code: 0 });
    expect(signals).toBeGreaterThan(10);
  });
});

test("a script for which there is no space leaves nothing of it", async () => {
  const machine = await runner.machine("nosystemd");
  const steps = `${controlOf(machine)}/steps`;
  await command("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", steps);
  later(() => command("umount", steps));
  const ended = await machine.run(`# ${"x".repeat(1_000_000)}\n`);
  expect(ended).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("There is no space left for"),
  });
  expect(readdirSync(steps)).toEqual([]);
});
