/**
 * The jobs that GitLab would make of a pipeline: rules decided, copies of `parallel` made, variables
 * put together, and each with those that it waits for and has the artifacts of. Pure.
 */
import type { Variables } from "../variables/expand.ts";
import { expandVariables, refuseCircles } from "../variables/expand.ts";
import { checkReferences } from "./check-references.ts";
import type { DeclaredJob, DeclaredPipeline, Need, When } from "./declared-pipeline.ts";
import { type Copy, copiesOf } from "./parallel.ts";
import { evaluatePolicies, evaluateRules, type RuleFacts } from "./rules.ts";

export interface PipelineFacts extends RuleFacts {
  /** Predefined ones of the pipeline: what GitLab sets whatever the job. */
  readonly predefined: Variables;
  /** What the caller has set: it goes before all that the file says. */
  readonly pinned: Variables;
}

export interface PipelineJob {
  readonly name: string;
  /** As it stands in the file; a job without `parallel` is called so too. */
  readonly baseName: string;
  readonly declared: DeclaredJob;
  readonly copy: Copy;
  readonly when: Exclude<When, "never">;
  readonly allowFailure: boolean | readonly number[];
  /** The file's, and the caller's before them; as they are written. */
  readonly variables: Variables;
  /** `needs:`, its own or the rule's; nothing when it waits for the stages before. */
  readonly needs: readonly Need[] | undefined;
}

export interface Pipeline {
  readonly stages: readonly string[];
  readonly jobs: readonly PipelineJob[];
  /** Declared jobs that this pipeline has not, each with why. */
  readonly absent: ReadonlyMap<string, string>;
}

export function planPipeline(declared: DeclaredPipeline, facts: PipelineFacts): Pipeline {
  checkReferences(declared);
  const shared = sharedVariables(declared, facts);
  const jobs: PipelineJob[] = [];
  const absent = new Map<string, string>();
  for (const job of declared.jobs) {
    for (const copy of copiesOf(job.name, job.parallel)) {
      const planned =
        shared.kind === "pipeline" ? planJob(job, copy, { shared, facts }) : shared.why;
      if (typeof planned === "string") absent.set(job.name, planned);
      else jobs.push(planned);
    }
  }
  return { stages: declared.stages, jobs, absent };
}

type Shared =
  | { readonly kind: "pipeline"; readonly variables: Variables }
  | { readonly kind: "none"; readonly why: string };

/** What all jobs may inherit. */
function sharedVariables(declared: DeclaredPipeline, facts: PipelineFacts): Shared {
  if (declared.workflow === undefined) return { kind: "pipeline", variables: declared.variables };
  const variables = known(facts, declared.variables);
  const { when, rule } = evaluateRules(declared.workflow, "always", { facts, variables });
  if (when === "never") return { kind: "none", why: "workflow: rules makes no such pipeline" };
  return { kind: "pipeline", variables: { ...declared.variables, ...rule?.variables } };
}

/** Values as a rule compares them. */
const known = (facts: PipelineFacts, variables: Variables): Variables =>
  expandVariables({ ...facts.predefined, ...variables, ...facts.pinned });

/** Why it is not there, when it is not. */
function planJob(
  job: DeclaredJob,
  copy: Copy,
  {
    shared,
    facts,
  }: { readonly shared: Shared & { kind: "pipeline" }; readonly facts: PipelineFacts },
): PipelineJob | string {
  const { variables: wanted } = job.inherit;
  const inherited = Object.entries(shared.variables).filter(([key]) =>
    typeof wanted === "boolean" ? wanted : wanted.includes(key),
  );
  const own = { ...Object.fromEntries(inherited), ...job.variables, ...copy.variables };
  const planned = (more: Pick<PipelineJob, "when" | "allowFailure" | "variables" | "needs">) => {
    refuseCircles(copy.name, more.variables);
    return { name: copy.name, baseName: job.name, declared: job, copy, ...more };
  };
  const variables = known(facts, {
    ...own,
    CI_JOB_NAME: copy.name,
    CI_JOB_STAGE: job.stage,
  });
  if (job.rules === undefined || job.rules === null) {
    if (!evaluatePolicies(job, facts, variables)) return "only and except leave it out";
    if (job.when === "never") return "it has when: never";
    return planned({
      when: job.when,
      allowFailure: job.allow_failure ?? job.when === "manual",
      variables: { ...own, ...facts.pinned },
      needs: job.needs ?? undefined,
    });
  }
  const { when, rule } = evaluateRules(job.rules, job.when, { facts, variables });
  if (when === "never") return rule === undefined ? "none of its rules matches" : "a rule says so";
  return planned({
    when,
    // Unlike without rules, a manual job blocks: docs.gitlab.com, "Types of manual jobs".
    allowFailure: rule?.allow_failure ?? job.allow_failure ?? false,
    variables: { ...own, ...rule?.variables, ...facts.pinned },
    needs: rule?.needs ?? job.needs ?? undefined,
  });
}
