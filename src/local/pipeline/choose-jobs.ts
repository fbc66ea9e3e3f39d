/** Which jobs a person means by the words they give. Pure. */
import { RunnerError } from "../../text/errors.ts";
import { escapeUntrusted } from "../../text/escape.ts";
import { nearestName } from "../../text/nearest.ts";
import type { DeclaredPipeline } from "./declared-pipeline.ts";
import { predecessorsOf } from "./needs.ts";
import { copiesOf } from "./parallel.ts";
import type { Pipeline, PipelineJob } from "./plan-pipeline.ts";

const NAMES_SHOWN_MAX = 50;

/** Before rules are looked at: a name that nobody has is told, whatever the rules say. */
export function checkNames(pipeline: DeclaredPipeline, names: readonly string[]): void {
  for (const name of names) {
    const isKnown = pipeline.jobs.some(
      (job) =>
        job.name === name || copiesOf(job.name, job.parallel).some((copy) => copy.name === name),
    );
    if (!isKnown)
      throw noSuchJob(
        name,
        pipeline.jobs.map((job) => job.name),
      );
  }
}

function noSuchJob(name: string, names: readonly string[]): RunnerError {
  const near = nearestName(name, names);
  const listed = names.slice(0, NAMES_SHOWN_MAX).map((each) => escapeUntrusted(each, 80));
  const more = names.length - listed.length;
  return new RunnerError({
    kind: "usage",
    message: `There is no job ${quote(name)}.`,
    hints: [
      ...(near === undefined ? [] : [`Did you mean ${quote(near)}?`]),
      `The jobs are: ${listed.join(", ")}${more === 0 ? "" : ` and ${more} more`}.`,
    ],
  });
}

/** The jobs of these names; one of a job with `parallel` means all its copies. */
export function chooseJobs(pipeline: Pipeline, names: readonly string[]): readonly PipelineJob[] {
  return names.flatMap((name) => {
    const found = pipeline.jobs.filter((job) => job.name === name || job.baseName === name);
    if (found.length > 0) return found;
    const base = pipeline.absent.has(name) ? name : (baseOf(pipeline, name) ?? name);
    throw new RunnerError({
      kind: "usage",
      message: `The job ${quote(name)} is not in this pipeline: ${pipeline.absent.get(base) ?? "it has no such copy"}.`,
      hints: ["Another pipeline may have it: see --event, --branch and --variable."],
    });
  });
}

/** What a person means by `--from`: a job, and all that come after it. */
export function jobsFrom(
  pipeline: Pipeline,
  first: readonly PipelineJob[],
): readonly PipelineJob[] {
  const found = new Set(first);
  for (let size = 0; size !== found.size; ) {
    size = found.size;
    for (const job of pipeline.jobs) {
      if (predecessorsOf(pipeline, job).some((before) => found.has(before))) found.add(job);
    }
  }
  return pipeline.jobs.filter((job) => found.has(job));
}

/** The jobs of a stage. Throws a usage error when it has none. */
export function jobsOfStage(pipeline: Pipeline, stage: string): readonly PipelineJob[] {
  const jobs = pipeline.jobs.filter(({ declared }) => declared.stage === stage);
  if (jobs.length > 0) return jobs;
  const stages = [...new Set(pipeline.jobs.map(({ declared }) => declared.stage))];
  throw new RunnerError({
    kind: "usage",
    message: `No job of this pipeline is in the stage "${escapeUntrusted(stage, 80)}".`,
    hints: [`The stages are: ${stages.map((each) => escapeUntrusted(each, 80)).join(", ")}.`],
  });
}

const baseOf = (pipeline: Pipeline, name: string): string | undefined =>
  [...pipeline.absent.keys()].find(
    (base) => name.startsWith(`${base} `) || name.startsWith(`${base}:`),
  );

const quote = (value: string): string => `"${escapeUntrusted(value, 80)}"`;
