/** What a job asks for that only GitLab can give: said before anything runs. Pure. */
import { RunnerError } from "../../text/errors.ts";
import { escapeUntrusted } from "../../text/escape.ts";
import { needsElsewhere } from "./needs.ts";
import type { PipelineJob } from "./plan-pipeline.ts";

/** Throws a usage error for a job that cannot be run here. `given` are variables that the caller has set. */
export function refuseWhatIsNotHere(job: PipelineJob, given: readonly string[]): void {
  const { declared } = job;
  const name = `"${escapeUntrusted(job.name, 80)}"`;
  if (declared.trigger) {
    throw new RunnerError({
      kind: "usage",
      message: `The job ${name} has no script: it is a trigger of another pipeline, which GitLab alone can start.`,
    });
  }
  const wanted = [...declared.secrets, ...declared.id_tokens].filter((key) => !given.includes(key));
  if (wanted.length > 0) {
    const keys = wanted.map((key) => escapeUntrusted(key, 60));
    throw new RunnerError({
      kind: "usage",
      message: `The job ${name} gets ${keys.join(", ")} from GitLab (secrets, id_tokens), and there is none here.`,
      hints: [`Give it yourself: --variable ${keys[0]}=…`],
    });
  }
}

/** What is left out of a job that runs: a sentence each. */
export function leftOut(job: PipelineJob): readonly string[] {
  const { declared } = job;
  const elsewhere = needsElsewhere(job).map((name) => `"${escapeUntrusted(name, 80)}"`);
  return [
    ...(declared.release ? ["No release is made: that is GitLab's."] : []),
    ...(declared.identity ? ["There is no identity of a cloud provider here."] : []),
    ...(elsewhere.length > 0
      ? [`Artifacts of ${elsewhere.join(", ")} are not here: they are another pipeline's.`]
      : []),
  ];
}
