/**
 * Rules hold for real jobs, whatever the job says of itself: variables that are forged, and wishes for
 * more than it may have, by a job response as GitLab Runner writes it.
 */
import { describe, expect, test } from "bun:test";
import { symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { type JobWish, makeJob } from "../../contract/simulator/make-job.ts";
import {
  cleanUpAfterEach,
  command,
  type Ended,
  expectNothingLeft,
  later,
  openRunner,
  PLACES,
  type Place,
  type Runner,
  scratch,
  scriptFile,
  sliceOf,
  start,
  uniqueName,
  unitOf,
} from "../harness.ts";

cleanUpAfterEach();

const [place = { kind: "btrfs", root: "/fs/btrfs/root" }]: readonly Place[] = PLACES;
const IMAGE = "nosystemd";
const BUILD_FAILURE = 1;
const SYSTEM_FAILURE = 2;

interface Facts {
  readonly project?: string;
  readonly user?: number;
  readonly branch?: string;
  readonly protected?: boolean;
}

/** Writes the job response of GitLab Runner 19. */
function writeResponse(wish: JobWish, { project = "group/app", ...facts }: Facts): string {
  const path = `${scratch}/response-${uniqueName()}.json`;
  const job = makeJob({ image: IMAGE, projectPath: project, ...wish });
  const response = {
    ...job,
    job_info: { ...job.job_info, user_id: facts.user ?? 42 },
    git_info: {
      ...job.git_info,
      ref: facts.branch ?? "main",
      protected: facts.protected ?? true,
    },
  };
  writeFileSync(path, JSON.stringify(response), { mode: 0o600 });
  later(() => unlinkSync(path));
  return path;
}

interface Prepared extends Ended {
  readonly name: string;
  readonly unit: string;
  run(script: string): Promise<Ended>;
}

/** `prepare` as GitLab Runner calls it: the job's variables are there twice, as it hands them on. */
async function prepare(runner: Runner, wish: JobWish, facts: Facts = {}): Promise<Prepared> {
  const variables = Object.entries(wish.variables ?? {});
  return prepareWith(runner, {
    JOB_RESPONSE_FILE: writeResponse(wish, facts),
    ...Object.fromEntries(variables.map(([key, value]) => [`CUSTOM_ENV_${key}`, value])),
  });
}

async function prepareWith(
  runner: Runner,
  environment: Readonly<Record<string, string>>,
  ...words: string[]
): Promise<Prepared> {
  const name = uniqueName();
  const whole = { ...runner.environment, ...environment };
  later(async () => {
    await runner.call("cleanup", "--id", name);
    expectNothingLeft(place, name);
  });
  const ended = await start(["nspawn-runner", "prepare", "--id", name, ...words], whole).ended;
  return {
    ...ended,
    name,
    unit: unitOf(name),
    run: (script) => runner.call("run", "--id", name, scriptFile(`#!/bin/sh\n${script}`)),
  };
}

/** All that a job can set to pass for another. */
const FORGED = {
  CI_PROJECT_PATH: "group/app",
  CI_PROJECT_ID: "17",
  CI_PROJECT_NAMESPACE: "group",
  GITLAB_USER_ID: "42",
  GITLAB_USER_LOGIN: "root",
  CI_COMMIT_REF_NAME: "main",
  CI_COMMIT_BRANCH: "main",
  CI_COMMIT_REF_PROTECTED: "true",
  JOB_RESPONSE_FILE: "/dev/null",
  NSPAWN_NETWORK: "host",
  NSPAWN_RUNNER_CONFIG: "/dev/null",
  nspawn_runner_by_hand: "true",
};

const STRANGERS = `
[[rule]]
name = "strangers"
projects = ["ext/**"]
refuse = "no strangers here"
`;
const rulesWith = (first: string): string => `
network = "none"
job_memory = "256M"
job_memory_max = "512M"
${first}
[[rule]]
name = "the app"
projects = ["GROUP/app"]
users = [42]
branches = ["main"]
protected = true
network = "host"
tasks = 777
cpus = 1.5
`;
const RULES = rulesWith(STRANGERS);

/** The host's network has interfaces besides loopback; a machine without one has not. */
const interfaces = async (machine: Prepared): Promise<string[]> => {
  const { stdout } = await machine.run("ls /sys/class/net");
  return stdout.trim().split(/\s+/);
};

test("a rule gives what it says to the job it is for, and the log says so", async () => {
  const machine = await prepare(openRunner(place, RULES), {}, {});
  expect(machine).toMatchObject({ code: 0 });
  expect(machine.stderr).toContain(
    'Limits: memory 256M (setting job_memory), cpus 1.5 (rule 2 "the app"), tasks 777 (rule 2 "the app").',
  );
  expect(machine.stderr).toContain('Network: host (rule 2 "the app").');
  expect(machine.stderr).not.toContain("Loosened");
  const properties = ["TasksMax", "MemoryMax", "CPUQuotaPerSecUSec"];
  const { stdout } = await command(
    "systemctl",
    "show",
    ...properties.map((property) => `--property=${property}`),
    sliceOf(machine.name),
  );
  expect(stdout.trim().split("\n").toSorted()).toEqual([
    "CPUQuotaPerSecUSec=1.500000s",
    "MemoryMax=268435456",
    "TasksMax=777",
  ]);
  expect((await interfaces(machine)).length).toBeGreaterThan(1);
});

test.each([
  ["another project", { project: "group/app2" }],
  ["a project that ends like it", { project: "x/group/app" }],
  ["another user", { user: 43 }],
  ["another branch", { branch: "main2" }],
  ["a merge request", { branch: "refs/merge-requests/7/head" }],
  ["a branch that is not protected", { protected: false }],
] as const)("%s gets nothing of it by variables of its own", async (_title, facts) => {
  const machine = await prepare(openRunner(place, RULES), { variables: FORGED }, facts);
  expect(machine).toMatchObject({ code: 0 });
  expect(machine.stderr).toContain("Network: none (setting network).");
  expect(await interfaces(machine)).toEqual(["lo"]);
});

test("a job that is refused is told by which rule, and nothing of it begins", async () => {
  const runner = openRunner(place, RULES);
  const wish = { variables: FORGED };
  const refused = await prepare(runner, wish, { project: "ext/sub/evil" });
  expect(refused).toMatchObject({ code: BUILD_FAILURE });
  expect(refused.stderr).toContain(
    'This host refuses the job: no strangers here (rule 1 "strangers").',
  );
  expectNothingLeft(place, refused.name);
  // It is the rule that does it.
  expect(await prepare(openRunner(place), wish, { project: "ext/sub/evil" })).toMatchObject({
    code: 0,
  });
});

test("a second name of an image leads out of no rule", async () => {
  const alias = uniqueName();
  symlinkSync(IMAGE, `${place.root}/${alias}`);
  later(() => unlinkSync(`${place.root}/${alias}`));
  const rules = `[[rule]]\nimages = ["${IMAGE}"]\nrefuse = "not this one"\n`;
  const refused = await prepare(openRunner(place, rules), { image: alias });
  expect(refused).toMatchObject({ code: BUILD_FAILURE });
  expect(refused.stderr).toContain("not this one (rule 1)");
});

describe("a job asks", () => {
  test.each([
    ["for less", "64M", 64 * 2 ** 20],
    ["for the maximum", "512M", 512 * 2 ** 20],
  ])("%s, and has it", async (_title, NSPAWN_MEMORY, bytes) => {
    const machine = await prepare(openRunner(place, RULES), { variables: { NSPAWN_MEMORY } });
    expect(machine).toMatchObject({ code: 0 });
    expect(machine.stderr).toContain(`memory ${NSPAWN_MEMORY} (NSPAWN_MEMORY)`);
    const { stdout } = await command(
      "systemctl",
      "show",
      "--value",
      "--property=MemoryMax",
      sliceOf(machine.name),
    );
    expect(stdout).toBe(`${bytes}\n`);
  });

  test.each([
    ["513M", "asks for 513M by NSPAWN_MEMORY; it may have 512M at most, by setting job_memory_max"],
    ["-1", '"-1" in NSPAWN_MEMORY is not a size'],
    ["1e30", '"1e30" in NSPAWN_MEMORY is not a size'],
    ["infinity", '"infinity" in NSPAWN_MEMORY is not a size'],
    ["\u001b]0;x\u0007\u202e", "in NSPAWN_MEMORY is not a size"],
  ])("for %p of memory, and is told why not", async (NSPAWN_MEMORY, message) => {
    const refused = await prepare(openRunner(place, RULES), { variables: { NSPAWN_MEMORY } });
    expect(refused).toMatchObject({ code: BUILD_FAILURE });
    expect(refused.stderr).toContain(message);
    for (const raw of ["\u001b", "\u0007", "\u202e"]) expect(refused.stderr).not.toContain(raw);
  });
});

test.each([
  [
    "a misspelt key",
    '\n[[rule]]\nprojets = ["a"]\nrefuse = "x"\n',
    ':5:1" "projets" of rule 1 is not a setting',
  ],
  [
    "a relative path",
    '[[rule]]\ndevices = ["kvm"]\n',
    ':4:12" "devices" of rule 1 must be the absolute path',
  ],
  ["no TOML at all", "[[rule\n", ":3:"],
])("with %s in the file no job is run, with line and column", async (_title, more, message) => {
  const runner = openRunner(place, more);
  const failed = await prepare(runner, {});
  expect(failed).toMatchObject({ code: SYSTEM_FAILURE });
  expect(failed.stderr).toContain(`${runner.environment.NSPAWN_RUNNER_CONFIG}${message}`);
  expectNothingLeft(place, failed.name);
});

describe("an old GitLab Runner without a job response", () => {
  const asked = Object.fromEntries(
    Object.entries({ ...FORGED, CI_JOB_ID: "1", CI_JOB_IMAGE: IMAGE }).map(([key, value]) => [
      `CUSTOM_ENV_${key}`,
      value,
    ]),
  );

  test("is not believed", async () => {
    const machine = await prepareWith(openRunner(place, rulesWith("")), asked);
    expect(machine).toMatchObject({ code: 0 });
    expect(await interfaces(machine)).toEqual(["lo"]);
    // What takes away holds: the rule may be for it.
    expect(machine.stderr).toContain('tasks 777 (rule 1 "the app", which may be for this job)');
  });

  test("is refused where a rule may refuse it, as the host's failure", async () => {
    const refused = await prepareWith(openRunner(place, RULES), asked);
    expect(refused).toMatchObject({ code: SYSTEM_FAILURE });
    expect(refused.stderr).toContain('(rule 1 "strangers", which may be for this job)');
    expect(refused.stderr).toContain("its release may be too old");
  });
});

test("who calls by hand is in no project: no rule about one gives or refuses", async () => {
  const machine = await prepareWith(openRunner(place, RULES), {}, IMAGE);
  expect(machine).toMatchObject({ code: 0 });
  expect(machine.stderr).toContain("Network: none (setting network).");
});

test("prepare --dry-run says what prepare would do", async () => {
  const runner = openRunner(place, RULES);
  const environment = { ...runner.environment, JOB_RESPONSE_FILE: writeResponse({}, {}) };
  const { stdout, code } = await start(["nspawn-runner", "prepare", "--dry-run"], environment)
    .ended;
  expect(code).toBe(0);
  expect(stdout).toContain("By the policy:\n  Limits: memory 256M (setting job_memory), cpus 1.5");
  expect(stdout).toContain("TasksMax=777");
});

test("policy says of a job response what prepare does", async () => {
  const runner = openRunner(place, RULES);
  const path = writeResponse({ variables: FORGED }, { project: "ext/evil" });
  const { stdout, code } = await runner.call("policy", "--job", path);
  expect(code).toBe(0);
  expect(stdout).toContain('This host refuses the job: no strangers here (rule 1 "strangers").');
});
