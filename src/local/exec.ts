/** `exec`: one job of the local `.gitlab-ci.yml`, through the very stages GitLab Runner would call. */
import type { Host } from "../host/host.ts";
import { escapeUntrusted } from "../text/escape.ts";
import { RECEIVE_ARTIFACTS } from "./artifacts/receive-command.ts";
import { tooLarge } from "./artifacts/too-large.ts";
import { findInvoker, type Invoker } from "./invoker.ts";
import {
  artifactsScript,
  listArtifactsScript,
  prepareScript,
  type Shell,
  sourcesScript,
  userScript,
} from "./job-scripts.ts";
import { findPrograms, resolvePipeline } from "./parser/resolve-pipeline.ts";
import { chooseJob, type LocalJob, parsePipeline } from "./pipeline.ts";
import { openRepository, type Repository } from "./repository.ts";
import { openStages, type Stages } from "./stages.ts";
import { expandText, expandVariables, predefinedVariables } from "./variables.ts";

export interface ExecRequest {
  readonly job: string | undefined;
  readonly image: string | undefined;
  readonly variables: Readonly<Record<string, string>>;
  /** Where artifacts go; they are dropped when absent. */
  readonly artifacts: { readonly directory: string; readonly maxBytes: number } | undefined;
}

/** Resolves to the job's exit code; 2 when the job could not be run. Leaves the work tree alone. */
export async function execLocalJob(host: Host, request: ExecRequest): Promise<number> {
  const scratch = `/tmp/nspawn-runner-exec-${host.randomName(10)}`;
  // Others pass through to what is theirs, and see no names.
  host.files.createDirectory(scratch, 0o711);
  try {
    const invoker = await findInvoker(host);
    const repository = await openRepository(host, invoker);
    const theirs = `${scratch}/theirs`;
    host.files.createDirectory(theirs, 0o700);
    if (invoker.ids !== undefined) host.files.setOwner(theirs, invoker.ids.userId);
    const jobs = await readPipeline(host, { repository, theirs, scratch });
    const job = chooseJob(jobs, request.job);
    if (job.services > 0) host.log.warn("The job's services are not started: they come later.");
    return await runStages(host, { request, job, repository, invoker, scratch });
  } finally {
    host.files.remove(scratch);
  }
}

/** From a clone, so that only what is committed counts. */
async function readPipeline(
  host: Host,
  places: { readonly repository: Repository; readonly theirs: string; readonly scratch: string },
): Promise<readonly LocalJob[]> {
  const project = `${places.theirs}/clone`;
  const root = `${places.scratch}/parser`;
  const cloning = places.repository.cloneForParser(project);
  const both = Promise.all([findPrograms(host), cloning]);
  // Nothing goes on in a directory that is about to be removed.
  const [programs] = await both.finally(() => Promise.allSettled([cloning]));
  host.files.createDirectory(root, 0o755);
  return parsePipeline(await resolvePipeline(host, { programs, project, root }));
}

interface Run {
  readonly request: ExecRequest;
  readonly job: LocalJob;
  readonly repository: Repository;
  readonly invoker: Invoker;
  readonly scratch: string;
}

async function runStages(host: Host, run: Run): Promise<number> {
  const { request, job, repository, scratch } = run;
  const { commit } = repository;
  const jobId = String(host.clock.nowMs() % 1_000_000_000);
  const own = { ...job.variables, ...request.variables };
  const image = request.image ?? job.image;
  const known = { ...predefinedVariables({ job, commit, jobId, buildsDirectory: "" }), ...own };
  const stages = openStages(host, {
    scratch,
    jobId,
    image: image === undefined ? undefined : expandText(image, known),
    variables: expandVariables(own),
  });
  const what = `${commit.sha.slice(0, 8)} (${escapeUntrusted(commit.title)})`;
  host.print(`Running job "${escapeUntrusted(job.name)}" of ${what}.\n`);
  try {
    const { shell, buildsDirectory } = await stages.prepare();
    const variables = expandVariables({
      ...predefinedVariables({ job, commit, jobId, buildsDirectory }),
      ...own,
    });
    const directory = variables.CI_PROJECT_DIR ?? buildsDirectory;
    await stages.must("Preparing environment", "prepare_script", prepareScript(shell));
    const sources = { directory, history: await repository.history(), sha: commit.sha };
    await stages.must(
      "Getting source from Git repository",
      "get_sources",
      sourcesScript(shell, sources),
    );
    const script = userScript(shell, { directory, variables, lines: job.script });
    const code = await stages.run(
      'Executing "step_script" stage of the job script',
      "build_script",
      script,
    );
    if (job.afterScript.length > 0) {
      const more = { ...variables, CI_JOB_STATUS: code === 0 ? "success" : "failed" };
      const after = userScript(shell, { directory, variables: more, lines: job.afterScript });
      await stages.run("Running after_script", "after_script", after);
    }
    if (code === 0) await takeArtifacts(host, { run, stages, shell, directory });
    host.print(code === 0 ? "Job succeeded\n" : `ERROR: Job failed: exit code ${code}\n`);
    return code;
  } finally {
    await stages.cleanup();
  }
}

/** Unpacked by a process of who called us: what a machine sends is nothing for root to unpack. */
async function takeArtifacts(
  host: Host,
  from: {
    readonly run: Run;
    readonly stages: Stages;
    readonly shell: Shell;
    readonly directory: string;
  },
): Promise<void> {
  const { run, stages, shell, directory } = from;
  const { artifacts } = run.request;
  const paths = run.job.artifacts;
  if (artifacts === undefined || paths.length === 0) return;
  const step = "upload_artifacts_on_success";
  const named = { directory, paths };
  await stages.must("Uploading artifacts", step, listArtifactsScript(shell, named));
  const { maxBytes } = artifacts;
  const words = [RECEIVE_ARTIFACTS, artifacts.directory, String(maxBytes)];
  const argv = [...run.invoker.words, ...host.driver, ...words];
  if (!(await stages.pipe(step, artifactsScript(shell, named), { argv, maxBytes }))) {
    throw tooLarge(maxBytes);
  }
  host.print(`Artifacts are in "${artifacts.directory}".\n`);
}
