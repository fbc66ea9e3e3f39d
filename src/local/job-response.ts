/** A job as GitLab would send it to its runner, as far as the stages read it. Pure. */
import { BY_HAND } from "../policy/job-identity.ts";
import type { PipelineJob } from "./pipeline/plan-pipeline.ts";
import { expandText, type Variables } from "./variables/expand.ts";

/**
 * Caches and artifacts are left out: GitLab Runner would call itself for them in the machine, which
 * `exec` does not.
 */
export function jobResponse(
  job: PipelineJob,
  facts: {
    readonly jobId: string;
    readonly timeoutSeconds: number;
    readonly image: string | undefined;
    readonly variables: Variables;
  },
): unknown {
  const { image, services } = job.declared;
  const { docker } = image ?? {};
  return {
    [BY_HAND]: true,
    id: Number(facts.jobId),
    runner_info: { timeout: facts.timeoutSeconds },
    image:
      facts.image === undefined
        ? null
        : {
            name: facts.image,
            entrypoint: image?.entrypoint ?? null,
            pull_policy: image?.pull_policy ?? null,
            executor_opts: docker === undefined ? {} : { docker },
          },
    services: services.map(({ name, alias }) => ({
      name: expandText(name, facts.variables),
      alias: [alias ?? []].flat().join(" "),
    })),
  };
}
