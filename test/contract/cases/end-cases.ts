/** How jobs end: well, by their script's fault, by the machine's, by a person's wish, by time. */
import type { JobCase } from "./job-case.ts";

const KEPT = "echo made > /root/kept";
/** Says something all the time: GitLab Runner hears of a cancel when it sends a piece of the log. */
const GOING = "while sleep 0.2; do echo go''ing; done";
const AFTER = ["cat /root/kept", "echo af''ter $CI_JOB_STATUS"];

export const END_CASES: readonly JobCase[] = [
  {
    name: "success, in one machine from the first to the last step",
    everyStorage: true,
    wish: {
      script: [KEPT, "systemctl is-system-running", "echo to std''err >&2"],
      afterScript: AFTER,
    },
    status: "success",
    has: [
      "Using Custom executor with driver nspawn-runner",
      'Machine of image "trixie"',
      /Running on job-\d+-\w+\.\.\./,
      /^running$/m,
      /^to stderr$/m,
      /^made$/m,
      /^after success$/m,
      "Job succeeded",
    ],
  },
  ...[1, 2, 42, 127, 255].map(
    (code): JobCase => ({
      name: `build failure with exit code ${code}`,
      wish: { image: "nosystemd", script: [`exit ${code}`, "echo ne''ver"] },
      status: "script_failure",
      exitCode: code,
      has: [`Job failed: exit status ${code}`],
      hasNot: [/^never$/m],
    }),
  ),
  {
    name: "build failure by a signal",
    wish: { image: "nosystemd", script: ["kill -KILL $$"] },
    status: "script_failure",
    exitCode: 137,
    has: ["The script was ended by SIGKILL (exit status 137)"],
  },
  {
    name: "build failure still runs after_script",
    wish: { image: "nosystemd", script: [KEPT, "false"], afterScript: AFTER },
    status: "script_failure",
    exitCode: 1,
    has: [/^made$/m, /^after failed$/m],
  },
  {
    name: "system failure: the job ends its own machine",
    everyStorage: true,
    wish: { script: ["systemctl poweroff --force --force; sleep 60"] },
    status: "system_failure",
    has: [/Machine "job-\d+-\w+" is gone: /],
  },
  {
    name: "unknown failure: the driver is killed",
    wish: { script: [GOING], afterScript: ["echo af''ter"] },
    act: async (job) => {
      await job.log.waitFor(/^going$/m);
      process.kill(job.findCall("build_script"), "SIGKILL");
    },
    status: "unknown_failure",
    has: [/^after$/m],
  },
  {
    name: "cancel: after_script in the same machine",
    everyStorage: true,
    wish: { script: [KEPT, GOING], afterScript: AFTER },
    act: async (job) => {
      await job.log.waitFor(/^going$/m);
      job.cancel();
    },
    status: "canceled",
    has: [/^made\n(.*\n)?after canceled$/m],
  },
  {
    name: "cancel before the script: only the end follows",
    only: "gitlab-runner",
    wish: ({ repository }) => ({
      repository,
      variables: { GIT_STRATEGY: "clone" },
      script: ["echo ne''ver"],
      afterScript: ["echo ne''ver"],
    }),
    runnerSettings: { pre_get_sources_script: GOING },
    act: async (job) => {
      await job.log.waitFor(/^going$/m);
      job.cancel();
    },
    status: "canceled",
    hasNot: [/^never$/m],
  },
  {
    name: "cancel by force: nothing follows",
    only: "gitlab-runner",
    wish: { script: [GOING], afterScript: ["echo ne''ver"] },
    act: async (job) => {
      await job.log.waitFor(/^going$/m);
      job.abort();
    },
    status: "canceled",
    hasNot: [/^never$/m],
  },
  {
    name: "job time-out: nothing follows",
    wish: { script: [GOING], afterScript: ["echo ne''ver"], timeoutSeconds: 4 },
    status: "timeout",
    has: [/^going$/m],
    hasNot: [/^never$/m],
  },
  {
    name: "script time-out: after_script follows",
    wish: {
      variables: { RUNNER_SCRIPT_TIMEOUT: "2s" },
      script: [KEPT, GOING],
      afterScript: AFTER,
    },
    status: "timeout",
    has: [/^made\n(.*\n)?after timedout$/m],
  },
];
