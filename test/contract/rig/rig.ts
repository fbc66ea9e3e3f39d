/** What carries out the cases of `cases/`: the simulator, or a real GitLab Runner. */
import type { JobLog } from "../simulator/job-log.ts";
import type { JobWish } from "../simulator/make-job.ts";
import type { JobResult } from "../simulator/run-job.ts";

export interface RigJob {
  readonly id: number;
  readonly token: string;
  readonly log: JobLog;
  /** As "Cancel" in GitLab. */
  cancel(): void;
  /** As "Force cancel": only the real runner knows the difference. */
  abort(): void;
  /** The process that runs this step of the job, for a test that means it harm. */
  findCall(step: string): number;
  /** Other lines for the driver's `config.toml`, in the middle of the job. */
  rewriteSettings(lines: string): void;
  readonly result: Promise<JobOutcome>;
}

export interface JobOutcome {
  readonly status: JobResult["status"];
  readonly exitCode: number | undefined;
  /** As its author sees it, without colours and marks. */
  readonly log: string;
}

export interface Rig extends AsyncDisposable {
  /** A repository that jobs of this rig can clone. */
  readonly repository: { readonly url: string; readonly sha: string };
  start(request: RigRequest): Promise<RigJob>;
}

export interface RigRequest {
  readonly wish: JobWish;
  /** Lines for the driver's `config.toml`. */
  readonly driverSettings?: string | undefined;
  /** Keys for `[[runners]]` of GitLab Runner's; only the real one has such. */
  readonly runnerSettings?: Readonly<Record<string, unknown>> | undefined;
}
