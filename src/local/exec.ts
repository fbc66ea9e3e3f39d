/** `exec`: jobs of the local `.gitlab-ci.yml`, through the very stages GitLab Runner would call. */
import type { Host } from "../host/host.ts";
import { RunnerError } from "../text/errors.ts";
import { escapeUntrusted } from "../text/escape.ts";
import { onlyWarn } from "../text/only-warn.ts";
import type { ChooseOne } from "./choice.ts";
import type { JobEnd } from "./job-end.ts";
import type { JobRun } from "./job-run.ts";
import type { JobLog } from "./log/job-log.ts";
import { type OutputWish, openOutput } from "./output.ts";
import { findPrograms, resolvePipeline } from "./parser/resolve-pipeline.ts";
import { checkNames, chooseJobs, jobsFrom, jobsOfStage } from "./pipeline/choose-jobs.ts";
import { type DeclaredPipeline, parsePipeline } from "./pipeline/declared-pipeline.ts";
import { formatJob, formatJobs, widthOf } from "./pipeline/format-jobs.ts";
import { artifactSourcesOf } from "./pipeline/needs.ts";
import { refuseWhatIsNotHere } from "./pipeline/not-here.ts";
import { choosePipelineKind, type Event, type PipelineKind } from "./pipeline/pipeline-kind.ts";
import { type Pipeline, type PipelineJob, planPipeline } from "./pipeline/plan-pipeline.ts";
import { findInvoker, type Invoker } from "./repository/invoker.ts";
import { openRepository, type Repository } from "./repository/repository.ts";
import { readRuleFacts } from "./repository/rule-facts.ts";
import { runJob } from "./run-job.ts";
import { runJobs, runTries } from "./run-jobs.ts";
import { findDeadScratches, openScratch, removeDeadScratch } from "./scratch.ts";
import { openStore } from "./store.ts";
import type { Variables } from "./variables/expand.ts";
import { pipelineVariables } from "./variables/predefined.ts";

export interface ExecRequest {
  readonly select:
    | { readonly kind: "jobs"; readonly names: readonly string[] }
    | { readonly kind: "stage"; readonly stage: string }
    | { readonly kind: "from"; readonly name: string }
    | { readonly kind: "all" };
  readonly image: string | undefined;
  /** They go before all that the file says. */
  readonly variables: Variables;
  /** Those of type file, with their content. */
  readonly files: Variables;
  readonly event: Event | undefined;
  readonly branch: string | undefined;
  /** The state of the work tree, not that of its last commit. */
  readonly worktree: boolean;
  /** Where artifacts go, besides to later jobs. */
  readonly artifacts: JobRun["artifacts"];
  readonly onFailure: JobRun["onFailure"];
  readonly output: OutputWish;
  /** Asks which job, where a person sits at a terminal and has named none. */
  readonly choose: ChooseOne | undefined;
}

interface Session {
  readonly request: ExecRequest;
  readonly invoker: Invoker;
  readonly repository: Repository;
  readonly kind: PipelineKind;
  readonly predefined: Variables;
  readonly scratch: string;
  /** A directory of who called us. */
  readonly theirs: string;
}

/**
 * Resolves to the exit code: of one job its own; of several 0 when the pipeline would be green, else 1;
 * 2 when a job could not be run. Leaves the work tree alone.
 */
export async function execLocalJobs(host: Host, request: ExecRequest): Promise<number> {
  await onlyWarn(host.log, "remove what killed calls of exec have left", async () => {
    for (const name of findDeadScratches(host)) await removeDeadScratch(host, name);
  });
  await using scratch = await openScratch(host);
  const session = await openSession(host, request, scratch.path);
  const { repository, kind, predefined } = session;
  const declared = await readPipeline(host, session);
  checkNames(declared, namesOf(request));
  const pipeline = planPipeline(declared, {
    ...(await readRuleFacts(repository, kind, { declared, predefined })),
    predefined,
    pinned: { ...request.variables, ...request.files },
  });
  return await runChosen(host, session, pipeline);
}

async function openSession(host: Host, request: ExecRequest, scratch: string): Promise<Session> {
  const invoker = await findInvoker(host);
  const theirs = `${scratch}/theirs`;
  host.files.createDirectory(theirs, 0o700);
  if (invoker.ids !== undefined) host.files.setOwner(theirs, invoker.ids.userId);
  const repository = await openRepository(host, invoker, {
    objects: request.worktree ? `${theirs}/worktree.git` : undefined,
  });
  const kind = choosePipelineKind(repository.commit, request);
  const predefined = pipelineVariables({
    commit: repository.commit,
    pipeline: kind,
    pipelineId: String(host.clock.nowMs() % 1_000_000_000),
    createdAt: new Date(host.clock.nowMs()).toISOString(),
  });
  return { request, invoker, repository, kind, predefined, scratch, theirs };
}

/** From a clone, so that only what is committed counts. */
async function readPipeline(host: Host, session: Session): Promise<DeclaredPipeline> {
  const { repository, theirs, scratch, predefined, request } = session;
  const project = `${theirs}/clone`;
  const ours = `${scratch}/ours`;
  const root = `${ours}/parser`;
  const cloning = repository.cloneForParser(project);
  const both = Promise.all([findPrograms(host), cloning]);
  // Nothing goes on in a directory that is about to be removed.
  const [programs] = await both.finally(() => Promise.allSettled([cloning]));
  // The parser's user is not known yet; systemd, which binds files there for it, needs no way to them.
  host.files.createDirectory(ours, 0o700);
  host.files.createDirectory(root, 0o755);
  const variables = { ...predefined, ...request.variables, ...request.files };
  const variablesFile = `${ours}/variables.json`;
  return parsePipeline(
    await resolvePipeline(host, { programs, project, root, variables, variablesFile }),
  );
}

function namesOf({ select }: ExecRequest): readonly string[] {
  if (select.kind === "jobs") return select.names;
  return select.kind === "from" ? [select.name] : [];
}

async function runChosen(host: Host, session: Session, pipeline: Pipeline): Promise<number> {
  const { request } = session;
  const names = await nameJobs(host, request, pipeline);
  if (names === undefined) return 0;
  const { select } = request;
  const named = chooseJobs(pipeline, names);
  const jobs = chooseBy(pipeline, select, named);
  const given = Object.keys({ ...request.variables, ...request.files });
  // Of a whole pipeline, what cannot be run is left out; a job that a person names is refused.
  const here = jobs.filter((job) => named.includes(job) || !isElsewhere(host, job));
  for (const job of here) refuseWhatIsNotHere(job, given);
  const output = openOutput(host, here, request.output);
  const run = {
    ...output,
    pipeline,
    jobs: here,
    named: select.kind === "jobs" ? here : named,
    runOnce: (job: PipelineJob, log: JobLog) => runOnce(host, session, { job, pipeline, log }),
    tellsErrors: here.length > 1,
  };
  const [only, ...more] = here;
  if (only === undefined || more.length > 0) {
    const { green, rows } = await runJobs(host, run);
    await output.close(rows);
    return green ? 0 : 1;
  }
  const end = await runTries(host, run, only);
  if (end.kind === "not run") throw end.error;
  return end.kind === "exited" ? end.code : 1;
}

/** Of jobs by name, which; nothing when there are several, and nobody has said: they are shown. */
async function nameJobs(
  host: Host,
  request: ExecRequest,
  pipeline: Pipeline,
): Promise<readonly string[] | undefined> {
  const names = namesOf(request);
  if (request.select.kind !== "jobs" || names.length > 0) return names;
  const [only, ...more] = pipeline.jobs;
  if (only !== undefined && more.length === 0) return [only.name];
  if (only === undefined || request.choose === undefined) {
    host.print(formatJobs(pipeline));
    return undefined;
  }
  const width = widthOf(pipeline);
  const choices = pipeline.stages.flatMap((stage) =>
    pipeline.jobs
      .filter(({ declared }) => declared.stage === stage)
      .map((job) => ({
        group: escapeUntrusted(stage, 80),
        value: job.name,
        line: formatJob(job, width),
      })),
  );
  const chosen = await request.choose("Which job?", choices, { signal: host.signal });
  return chosen === undefined ? undefined : [chosen];
}

function chooseBy(
  pipeline: Pipeline,
  select: ExecRequest["select"],
  named: readonly PipelineJob[],
): readonly PipelineJob[] {
  switch (select.kind) {
    case "jobs":
      return named;
    case "stage":
      return jobsOfStage(pipeline, select.stage);
    case "from":
      return jobsFrom(pipeline, named);
    case "all":
      return pipeline.jobs;
  }
}

function isElsewhere(host: Host, job: PipelineJob): boolean {
  if (job.declared.trigger) {
    host.log.warn(`"${job.name}" is left out: it is a trigger of another pipeline.`);
  }
  return job.declared.trigger;
}

async function runOnce(
  host: Host,
  session: Session,
  {
    job,
    pipeline,
    log,
  }: { readonly job: PipelineJob; readonly pipeline: Pipeline; readonly log: JobLog },
): Promise<JobEnd> {
  const { request, invoker, repository, kind, predefined } = session;
  const name = host.randomName(8);
  const scratch = `${session.scratch}/job-${name}`;
  const theirs = `${session.theirs}/job-${name}`;
  try {
    host.files.createDirectory(scratch, 0o711);
    await repository.exec("mkdir", "-m", "700", theirs);
    return await runJob(host, {
      job,
      sources: artifactSourcesOf(pipeline, job),
      repository,
      invoker,
      pipeline: kind,
      predefined,
      store: openStore(host, invoker, repository),
      files: request.files,
      image: request.image,
      artifacts: request.artifacts,
      onFailure: request.onFailure,
      driver: host.driver,
      scratch,
      theirs,
      log,
    });
  } catch (error) {
    if (error instanceof RunnerError) return { kind: "not run", error };
    throw error;
  }
}
