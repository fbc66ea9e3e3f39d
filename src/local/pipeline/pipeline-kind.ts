/** Which pipeline of a commit we pretend to be. Pure. */
import { RunnerError } from "../../text/errors.ts";
import type { CommitFacts } from "../repository/repository.ts";

/** What a person may ask for by `--event`. */
export const EVENTS = ["push", "tag", "merge_request", "schedule"] as const;
export type Event = (typeof EVENTS)[number];

export interface PipelineKind {
  readonly kind: "branch" | "tag" | "merge_request";
  /** `CI_PIPELINE_SOURCE`. */
  readonly source: string;
  /** The branch or tag; of a merge request, the source branch. */
  readonly ref: string;
}

/**
 * A branch's, where one is checked out; else that of a tag of the commit. Throws a usage error where
 * there is no such ref.
 */
export function choosePipelineKind(
  commit: Pick<CommitFacts, "branch" | "tags" | "defaultBranch">,
  wish: { readonly event: Event | undefined; readonly branch: string | undefined },
): PipelineKind {
  const branch = wish.branch ?? commit.branch;
  const [tag] = commit.tags.slice(-1);
  const event = wish.event ?? (branch === undefined && tag !== undefined ? "tag" : "push");
  const ref = branch ?? commit.defaultBranch;
  switch (event) {
    case "push":
      return { kind: "branch", source: "push", ref };
    case "schedule":
      return { kind: "branch", source: "schedule", ref };
    case "merge_request":
      return { kind: "merge_request", source: "merge_request_event", ref };
    case "tag":
      if (tag !== undefined) return { kind: "tag", source: "push", ref: tag };
      throw new RunnerError({
        kind: "usage",
        message: "There is no tag of this commit.",
        hints: ["Make one, as by git tag v1.0, or check one out."],
      });
  }
}
