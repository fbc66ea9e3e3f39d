/** The jobs of the coordinator: handed out once, followed to their end. Knows no HTTP. */
import { type JobLog, openJobLog } from "../simulator/job-log.ts";
import type { JobResponse } from "../simulator/job-response.ts";
import { plainLog } from "./plain-log.ts";

/** What GitLab Runner says when a job has ended: `PUT /jobs/:id`. */
export interface FinalReport {
  readonly state: "success" | "failed";
  readonly failureReason: string;
  readonly exitCode: number;
}

/** What GitLab tells a runner of a job in the header `Job-Status`. */
type RemoteStatus = "running" | "canceling" | "canceled";

export interface SubmittedJob {
  readonly job: JobResponse;
  readonly log: JobLog;
  /** As "Cancel" in GitLab: the script ends, `after_script` still runs. */
  cancel(): void;
  /** As "Force cancel": all of it ends. */
  abort(): void;
  /** The runner's last word. */
  readonly ended: Promise<FinalReport>;
}

export interface DeskEntry extends SubmittedJob {
  status(): RemoteStatus;
  readonly artifacts: Uint8Array[];
  end(report: FinalReport): void;
}

export interface JobDesk {
  submit(runnerToken: string, job: JobResponse): SubmittedJob;
  /** The oldest job for this runner, waited for as long as GitLab's long polling would. */
  take(runnerToken: string, signal: AbortSignal): Promise<JobResponse | undefined>;
  /** Only with its own token, as GitLab has it. */
  find(id: number, token: string | null): DeskEntry | undefined;
  /** Whether this is the token of a job that has not ended. */
  isLive(token: string): boolean;
  artifactsOf(id: number): readonly Uint8Array[];
}

export function openJobDesk(): JobDesk {
  const entries = new Map<number, DeskEntry & { live: boolean }>();
  const waiting = new Map<string, JobResponse[]>();
  const callers = new Set<() => void>();
  return {
    submit: (runnerToken, job) => {
      const entry = openEntry(job);
      entries.set(job.id, entry);
      waiting.set(runnerToken, [...(waiting.get(runnerToken) ?? []), job]);
      for (const wake of callers) wake();
      return entry;
    },
    take: async (runnerToken, signal) => {
      for (;;) {
        const job = waiting.get(runnerToken)?.shift();
        if (job !== undefined || signal.aborted) return job;
        await new Promise<void>((resolve) => {
          const wake = (): void => {
            callers.delete(wake);
            resolve();
          };
          callers.add(wake);
          signal.addEventListener("abort", wake, { once: true });
        });
      }
    },
    find: (id, token) => {
      const entry = entries.get(id);
      return entry?.job.token === token ? entry : undefined;
    },
    isLive: (token) =>
      [...entries.values()].some((entry) => entry.live && entry.job.token === token),
    artifactsOf: (id) => entries.get(id)?.artifacts ?? [],
  };
}

function openEntry(job: JobResponse): DeskEntry & { live: boolean } {
  const { promise: ended, resolve } = Promise.withResolvers<FinalReport>();
  let status: RemoteStatus = "running";
  const entry = {
    job,
    log: openJobLog(plainLog),
    artifacts: [],
    live: true,
    ended,
    status: () => status,
    cancel: () => {
      status = "canceling";
    },
    abort: () => {
      status = "canceled";
    },
    end: (report: FinalReport) => {
      entry.live = false;
      resolve(report);
    },
  };
  return entry;
}
