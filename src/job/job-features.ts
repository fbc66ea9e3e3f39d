/**
 * What a job asks for besides its image, as far as `prepare` has something to say of it: what machines
 * do not have, and what they have only with a `gitlab-runner` in them. Pure.
 */
import * as v from "valibot";
import { escapeUntrusted } from "../text/escape.ts";

/** Of another shape than expected it is as good as absent: a job does not fail for a warning. */
const list = v.fallback(v.nullish(v.array(v.unknown())), undefined);
const text = v.fallback(v.nullish(v.string()), undefined);
const image = v.object({
  entrypoint: list,
  pull_policy: list,
  executor_opts: v.fallback(
    v.nullish(
      v.object({
        docker: v.fallback(v.nullish(v.object({ user: text, platform: text })), undefined),
      }),
    ),
    undefined,
  ),
});
const schema = v.object({
  services: v.fallback(v.nullish(v.array(v.object({ name: v.string() }))), undefined),
  image: v.fallback(v.nullish(image), undefined),
  artifacts: list,
  cache: list,
  dependencies: list,
});

export interface JobFeatures {
  /** Names of keywords that have no effect here, for people. */
  readonly ignored: readonly string[];
  /** GitLab Runner's own stages for these call `gitlab-runner` in the machine. */
  readonly needsGitlabRunner: boolean;
}

/** Of a job as GitLab sent it, parsed as JSON. */
export function parseJobFeatures(job: unknown): JobFeatures {
  const parsed = v.safeParse(schema, job);
  if (!parsed.success) return { ignored: [], needsGitlabRunner: true };
  const { services, image: wish, ...files } = parsed.output;
  const names = (services ?? []).map(({ name }) => escapeUntrusted(name, 60));
  const docker = wish?.executor_opts?.docker;
  return {
    ignored: [
      ...(names.length > 0 ? [`services (${names.join(", ")})`] : []),
      // `entrypoint: [""]` is how jobs say that they want none.
      ...(wish?.entrypoint?.some((word) => word !== "") ? ["image:entrypoint"] : []),
      ...(docker?.user ? ["image:docker:user"] : []),
      ...(docker?.platform ? ["image:docker:platform"] : []),
      ...(wish?.pull_policy?.length ? ["image:pull_policy"] : []),
    ],
    needsGitlabRunner: Object.values(files).some((wanted) => (wanted?.length ?? 0) > 0),
  };
}

/** What the job's log has to say of them, a line each. */
export function featureWarnings(
  { ignored, needsGitlabRunner }: JobFeatures,
  gitlabRunner: string | undefined,
): string[] {
  const warnings: string[] = [];
  if (ignored.length > 0) {
    warnings.push(
      `These of the job have no effect in machines of this host: ${ignored.join(", ")}.`,
    );
  }
  if (needsGitlabRunner && gitlabRunner === undefined) {
    warnings.push(
      'Cache and artifacts of the job are left out: this host has no "gitlab-runner" in PATH for its machine. Set gitlab_runner to where it is.',
    );
  }
  return warnings;
}
