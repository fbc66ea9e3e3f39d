/** Names, variables and words that a job gives: data, which reach no path and no command. */
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import {
  cleanUpAfterEach,
  command,
  expectNothingLeft,
  later,
  openRunner,
  type Place,
  scratch,
  scriptFile,
  start,
  uniqueName,
} from "../harness.ts";

cleanUpAfterEach();

const PLACE: Place = { kind: "overlay", root: "/fs/ext4/root" };
const runner = openRunner(PLACE);

/** `prepare` as GitLab Runner calls it, of a job with this response and these variables. */
async function prepare(
  job: Readonly<Record<string, unknown>>,
  variables: Readonly<Record<string, string>> = {},
  words: readonly string[] = [],
) {
  const name = uniqueName();
  const response = `${scratch}/${name}.json`;
  writeFileSync(response, JSON.stringify(job));
  later(async () => {
    await runner.call("cleanup", "--id", name);
    expectNothingLeft(PLACE, name);
  });
  const argv = ["nspawn-runner", "prepare", "--id", name, ...words];
  const environment = { ...runner.environment, JOB_RESPONSE_FILE: response, ...variables };
  return { name, ended: await start(argv, environment).ended };
}

/**
 * All names on the host that one of those could have made, but for what is thrown away already, which
 * goes when its deleter comes to it.
 */
const namesOfTheHost = async (): Promise<string> => {
  const places = [PLACE.root, "/run/nspawn-runner", "-maxdepth", "2"];
  return (await command("find", ...places, "-not", "-path", "*/.trash/*", "-printf", "%p\n"))
    .stdout;
};

describe("an image", () => {
  test.each([
    ["a way up", "../trixie"],
    ["an absolute path", "/etc"],
    ["here", "."],
    ["above", ".."],
    ["NUL", "trixie\0"],
    ["a line more", "trixie\nnobash"],
    ["300 letters", "x".repeat(300)],
    ["an option for a directory", "-D/"],
    ["an option for a bind mount", "--bind=/:/host"],
    ["a command more", "trixie;reboot"],
    ["a command within", "$(id)"],
    ["specifiers of units", "%n%H"],
    ["a way up from generations", "x.v/.."],
    ["a directory of generations", "trixie.v"],
    ["letters that look alike", "trіxie"],
    ["its twin in capitals", "TRIXIE"],
    ["a hidden one", ".machines"],
    ["what drives a terminal", "\u001b]0;x\u0007\u202etrixie"],
  ])("of %s is no image, and its author is told which there are", async (_what, image) => {
    const before = await namesOfTheHost();
    const { ended } = await prepare({ id: 1, image: { name: image } });
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(/(There is no image|cannot be the name of an image)/);
    expect(ended.stderr).toMatch(/(The images are: |An image name has )/);
    expect(ended.stderr).not.toMatch(/(?!\n)[\p{Cc}\u202e]/u);
    expect(await namesOfTheHost()).toBe(before);
  });

  test("of no letters is the default one, and never another", async () => {
    const { ended } = await prepare({ id: 1, image: { name: "" } });
    expect(ended.stderr).toContain("The job names no image, and there is no default one.");
    expect(ended.code).toBe(1);
  });
});

describe("a stage", () => {
  const STAGES = ["../../x", "/etc/passwd", "x\ny", "$(id)", "--id=other", "\u001b[2J"];

  test.each(STAGES)("of the name %p is no path", async (stage) => {
    const machine = await runner.machine("nobash");
    const words = stage.startsWith("-") ? ["--", stage] : [stage];
    const script = scriptFile("#!/bin/sh\necho ran");
    const ended = await runner.call("run", "--id", machine.name, script, ...words);
    expect(ended).toMatchObject({ code: 0, stdout: "ran\n" });
    expect(existsSync("/run/nspawn-runner/x")).toBe(false);
  });

  test("whose script is a link runs nothing", async () => {
    const machine = await runner.machine("nobash");
    const link = `${scratch}/${uniqueName()}`;
    symlinkSync("/etc/shadow", link);
    const ended = await runner.call("run", "--id", machine.name, link);
    expect(ended.code).toBe(2);
    expect(ended.stdout).toBe("");
  });
});

test("two machines whose names differ in the last letter alone share nothing", async () => {
  const names = ["a", "b"].map((letter) => `${"x".repeat(59)}${letter}`);
  const own = openRunner(PLACE, 'network = "private"\n');
  for (const name of names) {
    later(async () => {
      await own.call("cleanup", "--id", name);
      expectNothingLeft(PLACE, name);
    });
    expect((await own.call("prepare", "--id", name, "nosystemd")).code).toBe(0);
  }
  const script = scriptFile(
    "#!/bin/sh\nhostname; cat /proc/net/fib_trie | grep -m1 -B1 'host LOCAL'",
  );
  const answers = await Promise.all(names.map((name) => own.call("run", "--id", name, script)));
  const [one, other] = answers.map(({ stdout }) => stdout);
  expect(one).not.toBe("");
  expect(one).not.toBe(other);
  const links = readdirSync("/sys/class/net").filter((link) => link.startsWith("nsr-"));
  expect(new Set(links).size).toBeGreaterThanOrEqual(2);
});

describe("variables of a job", () => {
  test("are no facts: those of GitLab count", async () => {
    const forged = { CUSTOM_ENV_CI_JOB_ID: "666", CUSTOM_ENV_CI_JOB_IMAGE: "trixie" };
    const { name, ended } = await prepare({ id: 4711, image: { name: "nobash" } }, forged);
    expect(ended.code).toBe(0);
    expect(ended.stderr).toContain('Machine of image "nobash"');
    const state = await Bun.file(`/run/nspawn-runner/machines/${name}/state.json`).json();
    expect(state.jobId).toBe("4711");
  });

  test("of programs' own names change no program of the host", async () => {
    const traps = ["LD_PRELOAD", "BUN_OPTIONS", "NODE_OPTIONS", "PATH", "NOTIFY_SOCKET", "HOME"];
    const library = `${scratch}/trap.so`;
    writeFileSync(library, "no library");
    const trapped = Object.fromEntries(traps.map((key) => [`CUSTOM_ENV_${key}`, library]));
    const { ended } = await prepare({ id: 1, image: { name: "nobash" } }, trapped);
    expect(ended.code).toBe(0);
    expect(ended.stderr).not.toContain("trap.so");
    // The same under their own names, which GitLab Runner gives to no job.
    const alone = await start(["true"], { LD_PRELOAD: library }).ended;
    expect(alone.stderr).toContain("trap.so");
  });

  test("that ask for more get what all get", async () => {
    const more = {
      CUSTOM_ENV_NSPAWN_PRIVILEGED: "true",
      CUSTOM_ENV_NSPAWN_NETWORK: "host",
      CUSTOM_ENV_NSPAWN_BINDS: "/:/host",
      CUSTOM_ENV_NSPAWN_NESTING: "true",
      CUSTOM_ENV_NSPAWN_CAPABILITIES: "all",
      CUSTOM_ENV_NSPAWN_RUNNER_CONFIG: "/dev/null",
    };
    const plan = async (variables: Readonly<Record<string, string>>): Promise<string> => {
      const job = { id: 1, image: { name: "nobash" } };
      const { ended } = await prepare(job, variables, ["--dry-run"]);
      expect(ended.code).toBe(0);
      const volatile = /(job-|test[-\\])[\w\\-]+|\bnsr-[0-9a-f]{8}\b|\b\d{7,}\b|\d+\.\d+ s/g;
      return ended.stdout.replace(volatile, "…");
    };
    expect(await plan(more)).toBe(await plan({}));
  });
});
