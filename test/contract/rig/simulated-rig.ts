/** Cases on the simulator of GitLab Runner. */
import { mkdtempSync, rmSync } from "node:fs";
import type { Place } from "../../lab/harness.ts";
import { openCoordinator } from "../coordinator/coordinator.ts";
import type { Driver } from "../simulator/driver.ts";
import { makeJob } from "../simulator/make-job.ts";
import { startJob } from "../simulator/run-job.ts";
import { findCall } from "./call-finder.ts";
import { makeDriverSettings } from "./driver-settings.ts";
import type { Rig } from "./rig.ts";

const PROGRAM = "/usr/local/bin/nspawn-runner";

export const DRIVER: Driver = {
  configExec: PROGRAM,
  configArgs: ["config"],
  prepareExec: PROGRAM,
  prepareArgs: ["prepare"],
  runExec: PROGRAM,
  runArgs: ["run"],
  cleanupExec: PROGRAM,
  cleanupArgs: ["cleanup"],
};

/** Shorter waits than the real one's, and nothing else that is kinder. */
const TIMEOUTS = { preparationRetryMs: 500, stageRetryMs: 100 };

export function openSimulatedRig(place: Place): Rig {
  const directory = mkdtempSync("/tmp/nspawn-runner-simulated-");
  const site = openCoordinator({ tls: false });
  return {
    repository: site.repository,
    start: async ({ wish, driverSettings }) => {
      const job = makeJob({ ...wish, variables: { GIT_STRATEGY: "none", ...wish.variables } });
      const settings = makeDriverSettings(directory, place, driverSettings);
      // Only for its token: the repository is there for jobs that the coordinator knows.
      site.submit("simulator", job);
      const { log, cancel, result } = startJob({
        driver: DRIVER,
        job,
        env: settings.environment,
        timeouts: TIMEOUTS,
      });
      return {
        id: job.id,
        token: job.token,
        log,
        cancel,
        abort: cancel,
        findCall: (step) => findCall(process.pid, step),
        rewriteSettings: settings.write,
        result,
      };
    },
    [Symbol.asyncDispose]: async () => {
      await site[Symbol.asyncDispose]();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
