/** Which jobs a job waits for, and whose artifacts it begins with. Pure. */
import { RunnerError } from "../../text/errors.ts";
import { escapeUntrusted } from "../../text/escape.ts";
import type { Need } from "./declared-pipeline.ts";
import { combinations } from "./parallel.ts";
import type { Pipeline, PipelineJob } from "./plan-pipeline.ts";

/** Those that have to end before it begins. Throws a usage error when one is not there. */
export function predecessorsOf(pipeline: Pipeline, job: PipelineJob): readonly PipelineJob[] {
  if (job.needs === undefined) return earlierStages(pipeline, job);
  return job.needs.flatMap((need) => jobsOf(pipeline, job, need));
}

/** docs.gitlab.com, "dependencies": those it names; else of its needs; else of all earlier stages. */
export function artifactSourcesOf(pipeline: Pipeline, job: PipelineJob): readonly PipelineJob[] {
  const { dependencies } = job.declared;
  const needed = (job.needs ?? [])
    .filter((need) => need.artifacts)
    .flatMap((need) => jobsOf(pipeline, job, need));
  const all = job.needs === undefined ? earlierStages(pipeline, job) : needed;
  if (dependencies === undefined || dependencies === null) return all;
  return all.filter(({ name, baseName }) =>
    dependencies.some((wanted) => wanted === name || wanted === baseName),
  );
}

/** Projects and pipelines whose artifacts are not here. */
export const needsElsewhere = (job: PipelineJob): readonly string[] =>
  (job.needs ?? []).flatMap(({ elsewhere }) => elsewhere ?? []);

function earlierStages(pipeline: Pipeline, job: PipelineJob): readonly PipelineJob[] {
  const own = pipeline.stages.indexOf(job.declared.stage);
  return pipeline.jobs.filter(({ declared }) => pipeline.stages.indexOf(declared.stage) < own);
}

function jobsOf(pipeline: Pipeline, job: PipelineJob, need: Need): readonly PipelineJob[] {
  if (need.elsewhere !== undefined) return [];
  const named = pipeline.jobs.filter(
    ({ name, baseName }) => name === need.job || baseName === need.job,
  );
  const found = named.filter(({ copy }) => isSelected(need, job, copy.matrix));
  if (found.length > 0 || need.optional) return found;
  const why = pipeline.absent.get(need.job);
  throw new RunnerError({
    kind: "usage",
    message: `The job "${escapeUntrusted(job.name, 80)}" needs "${escapeUntrusted(need.job, 80)}", which is not in this pipeline${why === undefined ? "" : `: ${why}`}.`,
    hints: ['GitLab refuses such a pipeline; "optional: true" allows it.'],
  });
}

/** docs.gitlab.com, "needs:parallel:matrix", where a value may be one of the job's own matrix. */
function isSelected(
  need: Need,
  job: PipelineJob,
  matrix: Readonly<Record<string, string>> | undefined,
): boolean {
  if (need.parallel === undefined) return true;
  const own = job.copy.matrix ?? {};
  const fill = (value: string): string =>
    value.replace(/\$\[\[\s*matrix\.([\w-]+)\s*\]\]/g, (_found, key: string) => own[key] ?? "");
  return need.parallel
    .flatMap(combinations)
    .some((wanted) =>
      Object.entries(wanted).every(([key, value]) => matrix?.[key] === fill(value)),
    );
}
