/** One job of a pipeline, once: a machine, the scripts in GitLab Runner's order, and what it leaves. */
import type { Host } from "../host/host.ts";
import { escapeUntrusted } from "../text/escape.ts";
import { listScript, restoreScript, sendScript } from "./artifacts/archive-scripts.ts";
import { dotenvScript, parseDotenv } from "./artifacts/dotenv.ts";
import { RECEIVE_ARTIFACTS } from "./artifacts/receive-command.ts";
import type { Selection } from "./artifacts/selection.ts";
import { tooLarge } from "./artifacts/too-large.ts";
import { type PlannedCache, planCaches } from "./cache.ts";
import { jobResponse } from "./job-response.ts";
import { type Place, prepareScript, sourcesScript, userScript } from "./job-scripts.ts";
import { leftOut } from "./pipeline/not-here.ts";
import type { PipelineKind } from "./pipeline/pipeline-kind.ts";
import type { PipelineJob } from "./pipeline/plan-pipeline.ts";
import type { Invoker } from "./repository/invoker.ts";
import type { Repository } from "./repository/repository.ts";
import { prepareSources, type Sources } from "./repository/sources.ts";
import { ignoredOf, readSourceWish } from "./source-wish.ts";
import { openStages, type ScriptEnd, type Stages } from "./stages.ts";
import type { Store } from "./store.ts";
import { expandText, expandVariables, type Variables } from "./variables/expand.ts";
import { jobVariables } from "./variables/predefined.ts";

export interface JobRun {
  readonly job: PipelineJob;
  /** Whose artifacts it begins with. */
  readonly sources: readonly PipelineJob[];
  readonly repository: Repository;
  readonly invoker: Invoker;
  readonly pipeline: PipelineKind;
  readonly predefined: Variables;
  readonly store: Store;
  /** The caller's own, with the content of those of type file. */
  readonly files: Variables;
  /** Instead of the job's. */
  readonly image: string | undefined;
  /** Where the caller wants the artifacts, too. */
  readonly artifacts: { readonly directory: string | undefined; readonly maxBytes: number };
  /** An empty directory for this run alone. */
  readonly scratch: string;
  /** As `scratch`, and who-called-us's own. */
  readonly theirs: string;
}

export type JobEnd = ScriptEnd;

/** docs.gitlab.com: the time-out of a project, unless somebody sets another. */
const TIMEOUT_SECONDS = 3600;

/** Throws when the job could not be run; that is not its author's fault, or a usage error. */
export async function runJob(host: Host, run: JobRun): Promise<JobEnd> {
  const { job, store, repository } = run;
  const timeoutSeconds = job.declared.timeout ?? TIMEOUT_SECONDS;
  const jobId = String(host.clock.nowMs() % 1_000_000_000);
  const dotenv = await readDotenv(run);
  const valuesAt = (buildsDirectory: string, image: string | undefined): Variables => {
    const own = { ...job.variables, ...dotenv };
    const predefined = jobVariables({
      job,
      pipeline: run.predefined,
      jobId,
      startedAt: new Date(host.clock.nowMs()).toISOString(),
      timeoutSeconds,
      image,
      buildsDirectory,
      architecture: host.architecture,
    });
    return expandVariables({ ...predefined, ...own });
  };
  const wanted = run.image ?? job.declared.image?.name;
  const image = wanted === undefined ? undefined : expandText(wanted, valuesAt("", undefined));
  const own = Object.keys(job.variables);
  const known = valuesAt("", image);
  const wish = readSourceWish(known);
  const caches = await readCaches(run, known);
  const stages = openStages(host, {
    scratch: run.scratch,
    response: jobResponse(job, { jobId, timeoutSeconds, image, variables: known }),
    timeoutSeconds,
    variables: Object.fromEntries(own.map((name) => [name, known[name] ?? ""])),
    invoker: run.invoker,
  });
  for (const sentence of leftOut(job)) host.log.warn(sentence);
  for (const name of ignoredOf(known)) host.log.warn(`${name} changes nothing here.`);
  host.print(
    `Running job "${escapeUntrusted(job.name)}" of ${run.repository.commit.sha.slice(0, 8)} (${escapeUntrusted(run.predefined.CI_COMMIT_TITLE ?? "")}).\n`,
  );
  try {
    const { shell, buildsDirectory } = await stages.prepare();
    const variables = withoutFiles(valuesAt(buildsDirectory, image), run.files);
    const place: Place = {
      shell,
      directory: variables.CI_PROJECT_DIR ?? buildsDirectory,
      variables,
      files: run.files,
    };
    await stages.must("Preparing environment", "prepare_script", prepareScript(shell));
    const sources: Sources | undefined =
      wish.strategy === "none" || wish.strategy === "empty"
        ? undefined
        : await prepareSources(repository, wish, { directory: run.theirs, pipeline: run.pipeline });
    await stages.must(
      "Getting source from Git repository",
      "get_sources",
      sourcesScript(place, sources, {
        ...wish,
        before: job.declared.hooks?.pre_get_sources_script ?? [],
      }),
    );
    await restoreCaches(stages, place, { caches, store });
    await downloadArtifacts(host, stages, { place, run });
    const end = await stages.run(
      'Executing "step_script" stage of the job script',
      "build_script",
      userScript(place, [...job.declared.before_script, ...job.declared.script]),
    );
    if (end.kind === "out of time") return end;
    await finish(host, { stages, place, run, caches, success: end.code === 0 });
    return end;
  } finally {
    await stages.cleanup();
  }
}

/** The path of a file is set by the script that writes it. */
const withoutFiles = (variables: Variables, files: Variables): Variables =>
  Object.fromEntries(Object.entries(variables).filter(([name]) => !Object.hasOwn(files, name)));

async function readDotenv(run: JobRun): Promise<Variables> {
  const { store, repository } = run;
  const values: Record<string, string> = {};
  for (const { name } of run.sources) {
    const path = store.dotenvOf(repository.commit.sha, name);
    if (store.has(path)) Object.assign(values, parseDotenv(await store.readText(path)));
  }
  return values;
}

async function readCaches(run: JobRun, variables: Variables): Promise<readonly PlannedCache[]> {
  const { declared } = run.job;
  const files = declared.cache.flatMap(({ key }) =>
    typeof key === "object" && key !== null ? key.files : [],
  );
  const versions = new Map<string, string>();
  for (const file of new Set(files.map((each) => expandText(each, variables)))) {
    versions.set(file, (await run.repository.ask("log", "-1", "--format=%H", "--", file)) ?? "");
  }
  const protection = variables.CI_COMMIT_REF_PROTECTED === "true" ? "protected" : "non_protected";
  return planCaches(declared.cache, variables, (wanted) =>
    wanted
      .map((file) => versions.get(file) ?? "")
      .filter((version) => version !== "")
      .join("-"),
  ).map((cache) => ({ ...cache, key: `${cache.key}-${protection}` }));
}

async function restoreCaches(
  stages: Stages,
  place: Place,
  { caches, store }: { readonly caches: readonly PlannedCache[]; readonly store: Store },
): Promise<void> {
  const pulled = caches.filter(({ pull }) => pull);
  if (pulled.length === 0) return;
  const archives = pulled.map(({ key }) => {
    const file = store.cacheOf(key);
    return store.has(file)
      ? { title: `Checking cache for ${key}...`, file }
      : { title: `Checking cache for ${key}... there is none yet.`, file: undefined };
  });
  await stages.must("Restoring cache", "restore_cache", restoreScript(place, archives));
}

async function downloadArtifacts(
  host: Host,
  stages: Stages,
  { place, run }: { readonly place: Place; readonly run: JobRun },
): Promise<void> {
  const { store, repository, sources } = run;
  const withArtifacts = sources.filter(({ declared }) => hasArtifacts(declared.artifacts));
  if (withArtifacts.length === 0) return;
  const archives = withArtifacts.flatMap(({ name }) => {
    const file = store.artifactsOf(repository.commit.sha, name);
    const title = `Downloading artifacts for ${escapeUntrusted(name)}...`;
    return store.has(file) ? [{ title, file }] : [];
  });
  const absent = withArtifacts
    .filter(({ name }) => !store.has(store.artifactsOf(repository.commit.sha, name)))
    .map(({ name }) => `"${escapeUntrusted(name, 80)}"`);
  if (absent.length > 0) {
    host.log.warn(
      `The artifacts of ${absent.join(", ")} are not here: run what makes them before, in this commit.`,
    );
  }
  if (archives.length === 0) return;
  await stages.must("Downloading artifacts", "download_artifacts", restoreScript(place, archives));
}

type Artifacts = PipelineJob["declared"]["artifacts"];

const hasArtifacts = (artifacts: Artifacts): boolean =>
  (artifacts?.paths?.length ?? 0) > 0 || artifacts?.untracked === true;

interface Ending {
  readonly stages: Stages;
  readonly place: Place;
  readonly run: JobRun;
  readonly caches: readonly PlannedCache[];
  readonly success: boolean;
}

/** What GitLab Runner does once the script has ended, in its order. */
async function finish(host: Host, ending: Ending): Promise<void> {
  const { stages, place, run, success } = ending;
  const { after_script: after, artifacts } = run.job.declared;
  if (after.length > 0) {
    const variables = { ...place.variables, CI_JOB_STATUS: success ? "success" : "failed" };
    await stages.run(
      "Running after_script",
      "after_script",
      userScript({ ...place, variables }, after),
    );
  }
  for (const cache of ending.caches) if (cache.push(success)) await saveCache(host, ending, cache);
  const wanted = artifacts?.when ?? "on_success";
  if (wanted === "always" || (wanted === "on_success") === success)
    await saveArtifacts(host, ending);
}

async function saveCache(host: Host, ending: Ending, cache: PlannedCache): Promise<void> {
  const { stages, place, run, success } = ending;
  const step = success ? "archive_cache" : "archive_cache_on_failure";
  const selection = { paths: cache.paths, exclude: [], untracked: false };
  const title = `Saving cache for ${success ? "successful" : "failed"} job`;
  await stages.must(title, step, listScript(place, "cache", selection));
  const kept = await keepArchive(ending, { step, path: run.store.cacheOf(cache.key) });
  if (!kept)
    host.log.warn("The cache is left as it was: it would be larger than --artifacts-size.");
}

async function saveArtifacts(host: Host, ending: Ending): Promise<void> {
  const { stages, place, run, success } = ending;
  const { artifacts } = run.job.declared;
  const step = success ? "upload_artifacts_on_success" : "upload_artifacts_on_failure";
  const expand = (texts: readonly string[] | null | undefined) =>
    (texts ?? []).map((each) => expandText(each, place.variables));
  if (hasArtifacts(artifacts)) {
    const selection: Selection = {
      paths: expand(artifacts?.paths),
      exclude: expand(artifacts?.exclude),
      untracked: artifacts?.untracked === true,
    };
    const title = `Uploading artifacts for ${success ? "successful" : "failed"} job`;
    await stages.must(title, step, listScript(place, "artifact", selection));
    const path = run.store.artifactsOf(run.repository.commit.sha, run.job.name);
    if (!(await keepArchive(ending, { step, path }))) throw tooLarge(run.artifacts.maxBytes);
    await handOver(host, ending, step);
  }
  const { dotenv } = artifacts?.reports ?? {};
  const files = [dotenv ?? []].flat().filter((each) => typeof each === "string");
  if (files.length > 0) {
    const path = run.store.dotenvOf(run.repository.commit.sha, run.job.name);
    const argv = run.store.receive(path);
    const script = dotenvScript(place, expand(files));
    if (await stages.pipe(step, script, { argv, maxBytes: DOTENV_MAX_BYTES }))
      await run.store.keep(path);
  }
}

/** GitLab's own limit is 5 KB. */
const DOTENV_MAX_BYTES = 32 * 1024;

/** False when it has more than the caller allows; nothing is kept of it then. */
async function keepArchive(
  { stages, place, run }: Ending,
  { step, path }: { readonly step: string; readonly path: string },
): Promise<boolean> {
  const { maxBytes } = run.artifacts;
  const argv = run.store.receive(path);
  if (await stages.pipe(step, sendScript(place), { argv, maxBytes })) {
    await run.store.keep(path);
    return true;
  }
  await run.store.drop(path);
  return false;
}

/** Unpacked by a process of who called us: what a machine sends is nothing for root to unpack. */
async function handOver(host: Host, { stages, place, run }: Ending, step: string): Promise<void> {
  const { directory, maxBytes } = run.artifacts;
  if (directory === undefined) return;
  const words = [RECEIVE_ARTIFACTS, directory, String(maxBytes)];
  const argv = [...run.invoker.words, ...host.driver, ...words];
  if (!(await stages.pipe(step, sendScript(place), { argv, maxBytes }))) throw tooLarge(maxBytes);
  host.print(`Artifacts are in "${directory}".\n`);
}
