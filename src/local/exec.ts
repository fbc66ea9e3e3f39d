/** `exec`: one job of the local `.gitlab-ci.yml`, through the very stages GitLab Runner would call. */
import type { Host } from "../host/host.ts";
import { RunnerError } from "../text/errors.ts";
import { HIDDEN_COMMAND } from "./gitlab-ci-local.ts";
import { artifactsScript, prepareScript, sourcesScript, userScript } from "./job-scripts.ts";
import { chooseJob, type LocalJob, parsePipeline } from "./pipeline.ts";
import { openStages } from "./stages.ts";
import { type CommitFacts, expandVariables, predefinedVariables } from "./variables.ts";

export interface ExecRequest {
  readonly job: string | undefined;
  readonly image: string | undefined;
  readonly variables: Readonly<Record<string, string>>;
  /** Where artifacts go; they are dropped when absent. */
  readonly artifacts: string | undefined;
}

/** Resolves to the job's exit code; 2 when the job could not be run. Leaves the work tree alone. */
export async function execLocalJob(host: Host, request: ExecRequest): Promise<number> {
  const scratch = `/tmp/nspawn-runner-exec-${host.randomName(10)}`;
  host.files.createDirectory(scratch, 0o700);
  try {
    const commit = await readCommit(host);
    const job = chooseJob(await readPipeline(host, scratch), request.job);
    if (job.services > 0) host.log.warn("The job's services are not started: they come later.");
    return await runStages(host, { request, job, commit, scratch });
  } finally {
    host.files.remove(scratch);
  }
}

async function readCommit(host: Host): Promise<CommitFacts> {
  const git = async (...words: string[]): Promise<string> =>
    (await host.processes.exec(["git", "-C", host.workingDirectory, ...words])).trim();
  const inside = await host.processes.run([
    "git",
    "-C",
    host.workingDirectory,
    "rev-parse",
    "--verify",
    "HEAD",
  ]);
  if (inside.exitCode !== 0) {
    throw new RunnerError({
      kind: "usage",
      message: `"${host.workingDirectory}" is not in a git work tree with a commit.`,
      hints: ["Change to your project and commit its .gitlab-ci.yml."],
    });
  }
  if ((await git("status", "--porcelain", "--untracked-files=no")) !== "") {
    host.log.warn("The job gets the committed state; your uncommitted changes are not in it.");
  }
  const top = await git("rev-parse", "--show-toplevel");
  return {
    sha: await git("rev-parse", "HEAD"),
    branch: await git("rev-parse", "--abbrev-ref", "HEAD"),
    title: await git("log", "-1", "--format=%s"),
    project: top.slice(top.lastIndexOf("/") + 1).replace(/[^A-Za-z0-9._-]/g, "-"),
  };
}

/** In a clone, so that only what is committed counts and the parser writes nothing of the user's. */
async function readPipeline(host: Host, scratch: string): Promise<readonly LocalJob[]> {
  const clone = `${scratch}/clone`;
  await host.processes.exec(["git", "clone", "--quiet", "--shared", host.workingDirectory, clone]);
  if (host.files.probe(`${clone}/.gitlab-ci.yml`) === undefined) {
    throw new RunnerError({
      kind: "usage",
      message: 'There is no ".gitlab-ci.yml" in the last commit.',
      hints: ["Commit one."],
    });
  }
  const words = [...host.driver, HIDDEN_COMMAND, "--preview"];
  const preview = await host.processes.run(words, { onCancel: "kill", workingDirectory: clone });
  if (preview.exitCode === 0) return parsePipeline(preview.stdout);
  throw new RunnerError({
    kind: "usage",
    message: 'Cannot understand ".gitlab-ci.yml".',
    cause: new Error(`${preview.stdout}\n${preview.stderr}`.trim()),
  });
}

interface Run {
  readonly request: ExecRequest;
  readonly job: LocalJob;
  readonly commit: CommitFacts;
  readonly scratch: string;
}

async function runStages(host: Host, run: Run): Promise<number> {
  const { request, job, commit, scratch } = run;
  const jobId = String(host.clock.nowMs() % 1_000_000_000);
  const stages = openStages(host, {
    scratch,
    jobId,
    image: request.image ?? job.image,
    variables: expandVariables({ ...job.variables, ...request.variables }),
  });
  const title = `Running job "${job.name}" of ${commit.sha.slice(0, 8)} (${commit.title}).`;
  host.print(`${title}\n`);
  try {
    const { shell, buildsDirectory } = await stages.prepare();
    const variables = expandVariables({
      ...predefinedVariables({ job, commit, jobId, buildsDirectory }),
      ...job.variables,
      ...request.variables,
    });
    const directory = variables.CI_PROJECT_DIR ?? buildsDirectory;
    await stages.must("Preparing environment", "prepare_script", prepareScript(shell));
    const bundle = await bundleOf(host, scratch);
    const sources = { directory, bundle, sha: commit.sha };
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
    if (code === 0 && request.artifacts !== undefined && job.artifacts.length > 0) {
      const packed = await stages.capture(
        "upload_artifacts_on_success",
        artifactsScript(shell, { directory, paths: job.artifacts }),
      );
      await unpackArtifacts(host, { packed, scratch, directory: request.artifacts });
    }
    host.print(code === 0 ? "Job succeeded\n" : `ERROR: Job failed: exit code ${code}\n`);
    return code;
  } finally {
    await stages.cleanup();
  }
}

async function bundleOf(host: Host, scratch: string): Promise<string> {
  const bundle = `${scratch}/sources.bundle`;
  await host.processes.exec([
    "git",
    "-C",
    host.workingDirectory,
    "bundle",
    "create",
    "--quiet",
    bundle,
    "HEAD",
  ]);
  return host.processes.exec(["base64", bundle]);
}

/** tar itself refuses absolute names and those that climb out. */
async function unpackArtifacts(
  host: Host,
  archive: { readonly packed: string; readonly scratch: string; readonly directory: string },
): Promise<void> {
  const { packed, scratch, directory } = archive;
  host.files.ensureDirectory(directory, 0o755);
  const file = `${scratch}/artifacts`;
  host.files.writeText(file, packed, 0o600);
  const unpack = 'base64 -d "$1" | tar --extract --gzip --no-same-owner --directory="$2"';
  await host.processes.exec(["bash", "-o", "pipefail", "-c", unpack, "sh", file, directory]);
  host.print(`Artifacts are in "${directory}".\n`);
}
