/** What becomes of jobs whose machine does not come, or not at once. */
import type { JobCase } from "./job-case.ts";

const BROKEN = 'boot_timeout = "soon"\n';

export const PREPARATION_CASES: readonly JobCase[] = [
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
