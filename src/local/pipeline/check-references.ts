/**
 * Whether the jobs that `needs` and `dependencies` name are there and come before, for which GitLab refuses
 * a pipeline as a whole (lib/gitlab/ci/yaml_processor.rb, release 18). Pure.
 */
import { RunnerError } from "../../text/errors.ts";
import { escapeUntrusted } from "../../text/escape.ts";
import type { DeclaredJob, DeclaredPipeline } from "./declared-pipeline.ts";
import { copiesOf } from "./parallel.ts";

/** Throws a usage error for the first that is not. */
export function checkReferences({ jobs, stages }: DeclaredPipeline): void {
  const stageOf = new Map<string, number>();
  for (const job of jobs) {
    const stage = stages.indexOf(job.stage);
    if (stage < 0) {
      throw refused(job, `is in the stage ${quote(job.stage)}, which "stages" has not`);
    }
    for (const name of namesOf(job)) stageOf.set(name, stage);
  }
  for (const job of jobs) {
    const own = stages.indexOf(job.stage);
    for (const { keyword, name, optional, latest } of referencesOf(job, own)) {
      const stage = stageOf.get(name);
      if (stage === undefined && !optional) {
        throw refused(job, `has ${quote(name)} in "${keyword}", and there is no such job`);
      }
      if (stage !== undefined && stage > latest) {
        throw refused(job, `has ${quote(name)} in "${keyword}", which is of no earlier stage`);
      }
    }
  }
}

const namesOf = (job: DeclaredJob): readonly string[] => [
  job.name,
  ...copiesOf(job.name, job.parallel).map(({ name }) => name),
];

interface Reference {
  readonly keyword: string;
  readonly name: string;
  readonly optional: boolean;
  /** The last stage that it may be of. */
  readonly latest: number;
}

function referencesOf(job: DeclaredJob, own: number): readonly Reference[] {
  const needs = [job.needs ?? [], ...(job.rules ?? []).map((rule) => rule.needs ?? [])]
    .flat()
    .filter(({ elsewhere }) => elsewhere === undefined)
    .map(({ job: name, optional }) => ({ keyword: "needs", name, optional, latest: own }));
  const dependencies = (job.dependencies ?? []).map((name) => ({
    ...{ keyword: "dependencies", name, optional: false },
    // Of needs, artifacts may come from the own stage, too.
    latest: job.needs === undefined || job.needs === null ? own - 1 : own,
  }));
  return [...needs, ...dependencies];
}

const refused = (job: DeclaredJob, why: string): RunnerError =>
  new RunnerError({
    kind: "usage",
    message: `The job ${quote(job.name)} ${why}.`,
    hints: ["GitLab refuses such a pipeline, too."],
  });

const quote = (value: string): string => `"${escapeUntrusted(value, 80)}"`;
