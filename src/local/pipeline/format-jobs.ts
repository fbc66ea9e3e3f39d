/** The jobs of a pipeline, by stage, as a person reads them. Pure. */
import { escapeUntrusted } from "../../text/escape.ts";
import type { Pipeline, PipelineJob } from "./plan-pipeline.ts";

export function formatJobs(pipeline: Pipeline): string {
  const width = widthOf(pipeline);
  const stages = pipeline.stages.flatMap((stage) => {
    const jobs = pipeline.jobs.filter(({ declared }) => declared.stage === stage);
    if (jobs.length === 0) return [];
    return [shown(stage), ...jobs.map((job) => `  ${formatJob(job, width)}`)];
  });
  const absent = [...pipeline.absent].map(([name, why]) => `  ${shown(name)}: ${why}`);
  const rest = absent.length === 0 ? [] : ["Not in this pipeline:", ...absent];
  return [...stages, ...rest].map((line) => `${line.trimEnd()}\n`).join("");
}

/** One of them, in columns with the others. */
export function formatJob(job: PipelineJob, width: number): string {
  return `${shown(job.name).padEnd(width)}${notesOf(job)}`.trimEnd();
}

/** Of the column of names. */
export const widthOf = ({ jobs }: Pipeline): number =>
  jobs.reduce((width, { name }) => Math.min(40, Math.max(width, shown(name).length)), 0);

const shown = (text: string): string => escapeUntrusted(text, 80);

function notesOf(job: PipelineJob): string {
  const needs = job.needs?.map((need) => shown(need.job));
  const notes = [
    ...(needs === undefined
      ? []
      : [needs.length === 0 ? "needs nothing" : `needs ${needs.join(", ")}`]),
    ...(job.when === "on_success" ? [] : [job.when.replace("_", " ")]),
    ...(job.allowFailure === false ? [] : ["may fail"]),
    ...(job.declared.trigger ? ["a trigger, not run here"] : []),
  ];
  return notes.length === 0 ? "" : `  ${notes.join("; ")}`;
}
