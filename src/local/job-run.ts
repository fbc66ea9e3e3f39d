/** What is known of a job that is about to be run, once. */
import type { JobLog } from "./log/job-log.ts";
import type { PipelineKind } from "./pipeline/pipeline-kind.ts";
import type { PipelineJob } from "./pipeline/plan-pipeline.ts";
import type { Invoker } from "./repository/invoker.ts";
import type { Repository } from "./repository/repository.ts";
import type { Store } from "./store.ts";
import type { Variables } from "./variables/expand.ts";

export interface JobRun {
  readonly job: PipelineJob;
  /** Whose artifacts it begins with. */
  readonly sources: readonly PipelineJob[];
  readonly repository: Repository;
  readonly invoker: Invoker;
  readonly pipeline: PipelineKind;
  readonly predefined: Variables;
  readonly store: Store;
  /** The caller's own, with the content of those of type file. */
  readonly files: Variables;
  /** Instead of the job's. */
  readonly image: string | undefined;
  /** Where the caller wants the artifacts, too. */
  readonly artifacts: { readonly directory: string | undefined; readonly maxBytes: number };
  /** An empty directory for this run alone. */
  readonly scratch: string;
  /** As `scratch`, and who-called-us's own. */
  readonly theirs: string;
  readonly log: JobLog;
  /** The words of our own executable. */
  readonly driver: readonly string[];
  /** What a person wants of a job that has failed: its machine, or a shell in it. */
  readonly onFailure: "clean up" | "keep" | "shell";
}
