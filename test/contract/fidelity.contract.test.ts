/**
 * The simulator calls a driver as a real GitLab Runner does: the same job on both, with a driver
 * that writes down what it finds.
 */
import { expect } from "bun:test";
import { openCoordinator } from "./coordinator/coordinator.ts";
import { startRunner } from "./coordinator/runner-process.ts";
import { realRunner, realTest } from "./rig/real-test.ts";
import { type FakeDriver, makeFakeDriver } from "./simulator/fake-driver.ts";
import { type JobWish, makeJob } from "./simulator/make-job.ts";
import { runJob } from "./simulator/run-job.ts";

const TOKEN = "glrt-not-a-secret";
const STAGES = ["config", "prepare", "run", "cleanup"] as const;

/** What a call finds, a line each; numbers and directories that differ each time are left out. */
const RECORD = `{
  echo "call $(basename "$0") \${2-}"
  [ "$PWD" = "$TMPDIR" ] && echo "in TMPDIR"
  stat -c '%a' "$TMPDIR" "$JOB_RESPONSE_FILE" | paste -sd' '
  echo "\${JOB_RESPONSE_FILE#$TMPDIR} \${BUILD_EXIT_CODE_FILE#$TMPDIR}"
  readlink /proc/$$/fd/0
  [ "$(ps -o pgid= -p $$)" -eq $$ ] && echo "leads its group"
  [ ! -f "\${1-}" ] || { stat -c %a "$1"; basename "$1"; head -n 6 "$1"; head -n 7 "$1" | tail -n 1 | head -c 32; echo; tail -n 2 "$1" | tail -c 24; }
  compgen -e | grep -v ^CUSTOM_ENV_ | paste -sd' '
  env -0 | grep -az ^CUSTOM_ENV_ | grep -azv '_CI_RUNNER_\\|_FF_\\|_CI_JOB_ID=' | sort -z | tr '\\0' '\\n'
  jq -cS '[.image.name, [.services[]? | [.name, .alias, .entrypoint, .command, .variables]], .steps, .job_info.project_id, .runner_info, .variables[4:], .cache[0].key, .artifacts[0].paths, .credentials]' "$JOB_RESPONSE_FILE"
} >>$FAKE/record
`;

const CONFIG = `echo '{"builds_dir":"/tmp/fidelity/builds","cache_dir":"/tmp/fidelity/cache","driver":{"name":"fake"},"job_env":{"FAKE_MACHINE":"m1"}}'`;

const DRIVER = {
  config: `${RECORD}${CONFIG}`,
  prepare: RECORD,
  run: `${RECORD}bash "$1"`,
  cleanup: RECORD,
};

const variable = { public: true, file: false, masked: false, raw: false };

const WISH: JobWish = {
  image: "image:$WORD",
  script: ["echo main"],
  afterScript: ["echo after"],
  moreSteps: { release: ["echo release"] },
  cache: [{ paths: ["c"] }],
  artifacts: [{ paths: ["a"], when: "always" }],
  variables: {
    GIT_STRATEGY: "none",
    WORD: "word",
    EXPANDED: "$WORD ${WORD} $$ $1 $(x) ${",
    TWICE: "$EXPANDED",
  },
  moreVariables: [
    { key: "FILE", value: "content $WORD", file: true },
    { key: "OF_FILE", value: "$FILE" },
    { key: "RAW", value: "$WORD\n'\"", raw: true },
    { key: "CI_JOB_IMAGE", value: "forged" },
  ],
  services: [
    "plain",
    {
      name: "service:$WORD",
      alias: "one, two",
      entrypoint: ["e"],
      variables: [
        { ...variable, key: "OWN", value: "$WORD" },
        { ...variable, key: "OF_OWN", value: "$OWN" },
      ],
      executor_opts: {},
    },
  ],
};

interface Trial {
  readonly wish?: JobWish;
  readonly stages?: Partial<typeof DRIVER>;
}

/** By its calls, each a list of lines. */
function readRecord(fake: FakeDriver): string[][] {
  return fake
    .read("record")
    .split(/^call /m)
    .slice(1)
    .map((call) => call.trimEnd().split("\n"));
}

async function callByRealRunner({ wish, stages }: Trial): Promise<string[][]> {
  using fake = makeFakeDriver({ ...DRIVER, ...stages });
  await using coordinator = openCoordinator({ tls: false });
  const custom = Object.fromEntries(
    STAGES.flatMap((stage) => [
      [`${stage}_exec`, `${fake.directory}/${stage}`],
      [`${stage}_args`, []],
    ]),
  );
  const { url } = coordinator;
  await using _runner = await startRunner({
    program: realRunner(),
    url,
    token: TOKEN,
    env: {},
    settings: { custom },
  });
  await coordinator.submit(TOKEN, makeJob({ ...WISH, ...wish })).ended;
  return readRecord(fake);
}

async function callBySimulator({ wish, stages }: Trial): Promise<string[][]> {
  using fake = makeFakeDriver({ ...DRIVER, ...stages });
  const timeouts = { preparationRetryMs: 10, stageRetryMs: 10 };
  await runJob({ driver: fake.driver, job: makeJob({ ...WISH, ...wish }), timeouts });
  return readRecord(fake);
}

realTest.each<[string, Trial]>([
  ["that succeeds", {}],
  ["whose script fails", { wish: { script: ["exit 3"] } }],
  ["that is refused", { stages: { prepare: `${RECORD}exit 1` } }],
  ["whose preparation fails", { stages: { prepare: `${RECORD}exit 2` } }],
  ["whose preparation ends oddly", { stages: { prepare: `${RECORD}kill -9 $$` } }],
  ["whose configuration is no JSON", { stages: { config: `${RECORD}echo no` } }],
  [
    "whose sources fail",
    {
      wish: { variables: { ...WISH.variables, GET_SOURCES_ATTEMPTS: "2" } },
      stages: { run: `${RECORD}[ "$2" != get_sources ] || exit 1; bash "$1"` },
    },
  ],
])("of a job %s a driver sees the same on the simulator", async (_title, trial) => {
  const real = await callByRealRunner(trial);
  const simulated = await callBySimulator(trial);
  expect(simulated.map(([call]) => call)).toEqual(real.map(([call]) => call));
  expect(simulated).toEqual(real);
});
