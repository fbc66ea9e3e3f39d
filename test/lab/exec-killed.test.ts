/** `exec` that is told to end, or killed, wherever it is: what it leaves, and who takes that away. */
import { beforeEach, expect, test } from "bun:test";
import { existsSync, readdirSync, watch } from "node:fs";
import {
  awaitUnitsGone,
  cleanUpAfterEach,
  later,
  must,
  openRunner,
  type Started,
  start,
} from "./harness.ts";
import { openProject } from "./project.ts";

cleanUpAfterEach();

const runner = openRunner(
  { kind: "btrfs", root: "/fs/btrfs/root" },
  'default_image = "nosystemd"\n',
);

const LOCKS = "/run/nspawn-runner/exec";
const TRANSIENT = "/run/systemd/transient";
const isParser = (name: string): boolean => name.startsWith("nspawn-runner-parser-");
const list = (directory: string): string[] => (existsSync(directory) ? readdirSync(directory) : []);
const scratches = (): string[] => list("/tmp").filter((name) => /^nspawn-runner-exec-/.test(name));

/** To be called before what is awaited can be, and then with who does it. */
type Awaited = () => (running: Started) => Promise<void>;

/** systemd writes down each transient unit when it starts it. */
const parserRuns: Awaited = () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const watcher = watch(TRANSIENT, (_event, name) => {
    if (name !== null && isParser(name)) resolve();
  });
  return () => promise.finally(() => watcher.close());
};

const says =
  (text: string): Awaited =>
  () =>
  (running) =>
    running.awaitOutput(text);

beforeEach(async () => {
  // Of tests before this one, machines may be on their way out.
  await runner.call("gc");
});

interface Phase {
  readonly pipeline: string;
  readonly reached: Awaited;
}

const PHASES: Readonly<Record<string, Phase>> = {
  "the parser": {
    pipeline: `j: { script: [x], rules: [{ if: '(() => { for (;;); })()' }] }\n`,
    reached: parserRuns,
  },
  "what comes before the sources": {
    pipeline:
      "j: { script: [x], hooks: { pre_get_sources_script: [echo in the hook, sleep 600] } }\n",
    reached: says("\nin the hook"),
  },
  "the script": {
    pipeline: "j: { script: [echo in the script, sleep 600] }\n",
    reached: says("\nin the script"),
  },
  after_script: {
    pipeline: "j: { script: ['true'], after_script: [echo in after_script, sleep 600] }\n",
    reached: says("\nin after_script"),
  },
  artifacts: {
    pipeline: "j: { script: [head -c 400M /dev/urandom > large], artifacts: { paths: [large] } }\n",
    reached: says("large: found 1"),
  },
};

async function begin(phase: Phase): Promise<{ running: Started; directory: string }> {
  const { directory } = await openProject(runner, { ".gitlab-ci.yml": phase.pipeline });
  const reached = phase.reached();
  const running = start(["env", "-C", directory, "nspawn-runner", "exec", "j"], runner.environment);
  later(() => running.kill("SIGKILL"));
  await reached(running);
  return { running, directory };
}

test.each(Object.entries(PHASES))("^C in %s leaves nothing", async (_title, phase) => {
  const { running, directory } = await begin(phase);
  running.kill("SIGINT");
  expect((await running.ended).code).not.toBe(0);
  expect([scratches(), list(LOCKS), list("/fs/btrfs/root/.machines")]).toEqual([[], [], []]);
  expect(list(TRANSIENT).filter(isParser)).toEqual([]);
  const left = list(`${directory}/.git/nspawn-runner/artifacts`).flatMap((sha) =>
    list(`${directory}/.git/nspawn-runner/artifacts/${sha}`),
  );
  expect(left.filter((name) => name.endsWith(".part"))).toEqual([]);
});

test("nobody else on the host reads anything of a call: variables are secrets", async () => {
  const script = PHASES["the script"];
  if (script === undefined) throw new Error("there is no such phase");
  const { running } = await begin(script);
  const [scratch] = scratches();
  const closed = ["-type", "d", "!", "-perm", "-001", "-prune"];
  const open = [
    "find",
    `/tmp/${scratch}`,
    ...closed,
    "-o",
    "-type",
    "f",
    "-perm",
    "-004",
    "-print",
  ];
  expect(await must(...open)).toBe("");
  expect(await must("find", `/tmp/${scratch}`, "-name", "variables.json")).not.toBe("");
  running.kill("SIGINT");
  await running.ended;
});

test.each([
  ["gc", ["gc"], 0],
  ["the next call", ["exec", "none"], 2],
])(
  "%s takes away what a killed call has left, and nothing of one that lives",
  async (_title, words, code) => {
    const script = PHASES["the script"];
    if (script === undefined) throw new Error("there is no such phase");
    const live = await begin(script);
    const [alive] = scratches();
    const killed = await begin(script);
    killed.running.kill("SIGKILL");
    await killed.running.ended;
    expect(scratches()).toHaveLength(2);
    const ended = await start(
      ["env", "-C", live.directory, "nspawn-runner", ...words],
      runner.environment,
    ).ended;
    expect(ended.code).toBe(code);
    expect(scratches()).toEqual([alive ?? ""]);
    live.running.kill("SIGINT");
    await live.running.ended;
    expect([scratches(), list(LOCKS)]).toEqual([[], []]);
    awaitUnitsGone(() => list("/fs/btrfs/root/.machines").length > 0);
  },
);
