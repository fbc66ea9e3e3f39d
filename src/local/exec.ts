/** `exec`: jobs of the local `.gitlab-ci.yml`, through the very stages GitLab Runner would call. */
import type { Host } from "../host/host.ts";
import { findPrograms, resolvePipeline } from "./parser/resolve-pipeline.ts";
import { checkNames, chooseJobs } from "./pipeline/choose-jobs.ts";
import { type DeclaredPipeline, parsePipeline } from "./pipeline/declared-pipeline.ts";
import { formatJobs } from "./pipeline/format-jobs.ts";
import { artifactSourcesOf } from "./pipeline/needs.ts";
import { refuseWhatIsNotHere } from "./pipeline/not-here.ts";
import { choosePipelineKind, type Event, type PipelineKind } from "./pipeline/pipeline-kind.ts";
import { type Pipeline, type PipelineJob, planPipeline } from "./pipeline/plan-pipeline.ts";
import { findInvoker, type Invoker } from "./repository/invoker.ts";
import { openRepository, type Repository } from "./repository/repository.ts";
import { readRuleFacts } from "./repository/rule-facts.ts";
import { type JobEnd, runJob } from "./run-job.ts";
import { openStore } from "./store.ts";
import type { Variables } from "./variables/expand.ts";
import { pipelineVariables } from "./variables/predefined.ts";

export interface ExecRequest {
  readonly jobs: readonly string[];
  readonly image: string | undefined;
  /** They go before all that the file says. */
  readonly variables: Variables;
  /** Those of type file, with their content. */
  readonly files: Variables;
  readonly event: Event | undefined;
  readonly branch: string | undefined;
  /** Where artifacts go, besides to later jobs. */
  readonly artifacts: { readonly directory: string | undefined; readonly maxBytes: number };
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

/** Resolves to the job's exit code; 2 when the job could not be run. Leaves the work tree alone. */
export async function execLocalJobs(host: Host, request: ExecRequest): Promise<number> {
  const scratch = `/tmp/nspawn-runner-exec-${host.randomName(10)}`;
  // Others pass through to what is theirs, and see no names.
  host.files.createDirectory(scratch, 0o711);
  try {
    const invoker = await findInvoker(host);
    const repository = await openRepository(host, invoker);
    const theirs = `${scratch}/theirs`;
    host.files.createDirectory(theirs, 0o700);
    if (invoker.ids !== undefined) host.files.setOwner(theirs, invoker.ids.userId);
    const kind = choosePipelineKind(repository.commit, request);
    const predefined = pipelineVariables({
      commit: repository.commit,
      pipeline: kind,
      pipelineId: String(host.clock.nowMs() % 1_000_000_000),
      createdAt: new Date(host.clock.nowMs()).toISOString(),
    });
    const session = { request, invoker, repository, kind, predefined, scratch, theirs };
    const declared = await readPipeline(host, session);
    checkNames(declared, request.jobs);
    const pipeline = planPipeline(declared, {
      ...(await readRuleFacts(repository, kind, declared)),
      predefined,
      pinned: { ...request.variables, ...request.files },
    });
    return await runChosen(host, session, pipeline);
  } finally {
    // By a command: git directories of the caller's are large.
    await host.processes.run(["rm", "-rf", "--", scratch]);
  }
}

/** From a clone, so that only what is committed counts. */
async function readPipeline(host: Host, session: Session): Promise<DeclaredPipeline> {
  const { repository, theirs, scratch, predefined, request } = session;
  const project = `${theirs}/clone`;
  const root = `${scratch}/parser`;
  const cloning = repository.cloneForParser(project);
  const both = Promise.all([findPrograms(host), cloning]);
  // Nothing goes on in a directory that is about to be removed.
  const [programs] = await both.finally(() => Promise.allSettled([cloning]));
  host.files.createDirectory(root, 0o755);
  const variables = { ...predefined, ...request.variables, ...request.files };
  const variablesFile = `${scratch}/variables.json`;
  return parsePipeline(
    await resolvePipeline(host, { programs, project, root, variables, variablesFile }),
  );
}

async function runChosen(host: Host, session: Session, pipeline: Pipeline): Promise<number> {
  const { request } = session;
  const isList = request.jobs.length === 0 && pipeline.jobs.length !== 1;
  if (isList) {
    host.print(formatJobs(pipeline));
    return 0;
  }
  const chosen = request.jobs.length === 0 ? pipeline.jobs : chooseJobs(pipeline, request.jobs);
  const given = Object.keys({ ...request.variables, ...request.files });
  for (const job of chosen) refuseWhatIsNotHere(job, given);
  let code = 0;
  for (const job of chosen) {
    const end = await runTries(host, session, { job, pipeline });
    code = end.kind === "exited" ? end.code : 1;
    if (code !== 0) break;
  }
  return code;
}

async function runTries(
  host: Host,
  session: Session,
  { job, pipeline }: { readonly job: PipelineJob; readonly pipeline: Pipeline },
): Promise<JobEnd> {
  const { request, invoker, repository, kind, predefined } = session;
  const name = host.randomName(8);
  const scratch = `${session.scratch}/job-${name}`;
  const theirs = `${session.theirs}/job-${name}`;
  host.files.createDirectory(scratch, 0o711);
  await repository.exec("mkdir", "-m", "700", theirs);
  const end = await runJob(host, {
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
    scratch,
    theirs,
  });
  const code = end.kind === "exited" ? end.code : undefined;
  host.print(
    code === 0
      ? "Job succeeded\n"
      : code === undefined
        ? "ERROR: Job failed: execution took longer than its timeout\n"
        : `ERROR: Job failed: exit code ${code}\n`,
  );
  return end;
}
