/**
 * Whose job it is, for what: facts that GitLab states and no job can change. Variables are none of them,
 * the predefined ones neither: what .gitlab-ci.yml, a dotenv report or who starts a pipeline sets comes
 * behind them (docs/decisions/0013). Pure.
 */
import * as v from "valibot";

export type JobIdentity =
  /** Root has called by hand: there is no job. */
  { readonly kind: "person" } | Job;

/** What is absent is not known. */
export interface Job {
  readonly kind: "job";
  /** The full path of its project. */
  readonly project?: string | undefined;
  /** GitLab's number of it. */
  readonly projectId?: number | undefined;
  readonly user?: number | undefined;
  /** Of a merge request's pipeline it is a "branch" that is called `refs/merge-requests/…`. */
  readonly ref?: { readonly kind: "branch" | "tag"; readonly name: string } | undefined;
  readonly protected?: boolean | undefined;
}

/** One whose facts nobody hands on: GitLab Runner before release 14.0 writes no job response. */
export const UNKNOWN_JOB: Job = { kind: "job" };

/**
 * Marks the job response that `exec` writes. GitLab Runner hands on the fields it knows, and no other:
 * no server and no job can set it.
 */
export const BY_HAND = "nspawn_runner_by_hand";

/** More than any path or ref of GitLab has; what is longer is not known. */
const LENGTH_MAX = 1024;

const text = v.fallback(
  v.nullish(v.pipe(v.string(), v.minLength(1), v.maxLength(LENGTH_MAX))),
  undefined,
);
/** GitLab Runner writes 0 for what its GitLab has not said (common/spec/spec.go: no pointer). */
const number = v.fallback(v.nullish(v.pipe(v.number(), v.integer(), v.minValue(1))), undefined);

/** GitLab Runner hands on path and user since release 18.5, `protected` since 18.3. */
const schema = v.object({
  job_info: v.fallback(
    v.nullish(v.object({ project_id: number, project_full_path: text, user_id: number })),
    undefined,
  ),
  git_info: v.fallback(
    v.nullish(
      v.object({
        ref: text,
        ref_type: v.fallback(v.nullish(v.picklist(["branch", "tag"])), undefined),
        protected: v.fallback(v.nullish(v.boolean()), undefined),
      }),
    ),
    undefined,
  ),
  [BY_HAND]: v.fallback(v.optional(v.literal(true)), undefined),
});

/** Of a job as GitLab Runner has written it, parsed as JSON. Never throws. */
export function parseJobIdentity(job: unknown): JobIdentity {
  const parsed = v.safeParse(schema, job);
  if (!parsed.success) return UNKNOWN_JOB;
  const { job_info: info, git_info: git, [BY_HAND]: byHand } = parsed.output;
  if (byHand) return { kind: "person" };
  return {
    kind: "job",
    project: info?.project_full_path ?? undefined,
    projectId: info?.project_id ?? undefined,
    user: info?.user_id ?? undefined,
    ref: git?.ref && git.ref_type ? { kind: git.ref_type, name: git.ref } : undefined,
    protected: git?.protected ?? undefined,
  };
}
