/** What becomes of jobs whose machine does not come, or not at once. */
import type { JobCase } from "./job-case.ts";

const BROKEN = 'boot_timeout = "soon"\n';

export const PREPARATION_CASES: readonly JobCase[] = [
  {
    name: "what machines do not have is named in the log, once, and the job runs without it",
    wish: {
      image: { name: "nosystemd", entrypoint: ["/bin/sh", "-c"], executor_opts: {} },
      services: ["postgres:17", "redis"],
      script: ["echo r''an"],
    },
    status: "success",
    has: [
      "have no effect in machines of this host: services (postgres:17, redis), image:entrypoint.",
      /^ran$/m,
    ],
  },
  {
    name: "a gitlab-runner that is configured and missing is the host's fault",
    only: "simulator",
    wish: { image: "nosystemd", script: ["true"] },
    driverSettings: 'gitlab_runner = "/nowhere/gitlab-runner"\n',
    status: "system_failure",
    has: ['There is no program "/nowhere/gitlab-runner", which gitlab_runner names.'],
    failedPreparations: 3,
  },
  {
    name: "a missing image is the author's fault, not tried again, and the images are named",
    everyStorage: true,
    wish: { image: "trixy", script: ["true"] },
    status: "script_failure",
    exitCode: 1,
    has: ['There is no image "trixy"', 'Did you mean "trixie"?', "The images are: "],
  },
  {
    name: "a preparation that always fails is a system failure after three tries",
    wish: { script: ["true"] },
    driverSettings: BROKEN,
    status: "system_failure",
    has: ['"boot_timeout"'],
    failedPreparations: 3,
  },
  {
    name: "a preparation that fails at first is tried again",
    everyStorage: true,
    wish: { image: "nosystemd", script: ["echo hea''led"] },
    driverSettings: `${BROKEN}# heals\n`,
    act: async (job) => {
      await job.log.waitFor("Preparation failed:");
      job.rewriteSettings("");
    },
    status: "success",
    has: [/^healed$/m],
    failedPreparations: 1,
  },
];
