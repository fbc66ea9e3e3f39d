/**
 * What a job gets of earlier ones, and leaves for later ones: artifacts, variables of reports, caches.
 * All of it goes through the job's machine and the store of who called us, and through no memory.
 */
import { escapeUntrusted } from "../text/escape.ts";
import { listScript, restoreScript, sendScript } from "./artifacts/archive-scripts.ts";
import { dotenvScript, parseDotenv } from "./artifacts/dotenv.ts";
import { RECEIVE_ARTIFACTS } from "./artifacts/receive-command.ts";
import type { Selection } from "./artifacts/selection.ts";
import { tooLarge } from "./artifacts/too-large.ts";
import { type PlannedCache, planCaches } from "./cache.ts";
import type { JobRun } from "./job-run.ts";
import type { Place, Script } from "./job-scripts.ts";
import type { PipelineJob } from "./pipeline/plan-pipeline.ts";
import type { Stages } from "./stages.ts";
import type { Store } from "./store.ts";
import { expandText, type Variables } from "./variables/expand.ts";

/** Variables that jobs hand on whose artifacts this one has. */
export async function readDotenv(run: JobRun): Promise<Variables> {
  const { store, repository } = run;
  const values: Record<string, string> = {};
  for (const { name } of run.sources) {
    const path = store.dotenvOf(repository.commit.sha, name);
    if (store.has(path)) Object.assign(values, parseDotenv(await store.readText(path)));
  }
  return values;
}

export async function readCaches(
  run: JobRun,
  variables: Variables,
): Promise<readonly PlannedCache[]> {
  const { declared } = run.job;
  const files = declared.cache.flatMap(({ key }) =>
    typeof key === "object" && key !== null ? key.files : [],
  );
  const versions = new Map<string, string>();
  for (const file of new Set(files.map((each) => expandText(each, variables)))) {
    versions.set(file, (await run.repository.ask("log", "-1", "--format=%H", "--", file)) ?? "");
  }
  return planCaches(declared.cache, variables, (wanted) =>
    wanted
      .map((file) => versions.get(file) ?? "")
      .filter((version) => version !== "")
      .join("-"),
  );
}

export async function restoreCaches(
  stages: Stages,
  place: Place,
  { caches, store }: { readonly caches: readonly PlannedCache[]; readonly store: Store },
): Promise<void> {
  const pulled = caches.filter(({ pull }) => pull);
  if (pulled.length === 0) return;
  const archives = pulled.flatMap(({ key, fallbacks }) => {
    const keys = [key, ...fallbacks];
    const found = keys.findIndex((each) => store.has(store.cacheOf(each)));
    return keys.slice(0, found < 0 ? undefined : found + 1).map((each, index) => {
      const title = `Checking cache for ${escapeUntrusted(each, 200)}...`;
      return index === found
        ? { title, file: store.cacheOf(each) }
        : { title: `${title} there is none yet.`, file: undefined };
    });
  });
  await stages.must("Restoring cache", "restore_cache", restoreScript(place, archives));
}

export async function downloadArtifacts(
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
    run.log.warn(
      `The artifacts of ${absent.join(", ")} are not here: run what makes them before, in this commit.`,
    );
  }
  if (archives.length === 0) return;
  await stages.must("Downloading artifacts", "download_artifacts", restoreScript(place, archives));
}

type Artifacts = PipelineJob["declared"]["artifacts"];

const hasArtifacts = (artifacts: Artifacts): boolean =>
  (artifacts?.paths?.length ?? 0) > 0 || artifacts?.untracked === true;

export interface Ending {
  readonly stages: Stages;
  readonly place: Place;
  readonly run: JobRun;
  readonly success: boolean;
}

export async function saveCache(ending: Ending, cache: PlannedCache): Promise<void> {
  const { stages, place, run, success } = ending;
  const step = success ? "archive_cache" : "archive_cache_on_failure";
  const selection = { paths: cache.paths, exclude: [], untracked: cache.untracked };
  const title = `Saving cache for ${success ? "successful" : "failed"} job`;
  await stages.must(title, step, listScript(place, selection));
  const kept = await keepArchive(ending, { step, path: run.store.cacheOf(cache.key) });
  if (!kept) run.log.warn("The cache is left as it was: it would be larger than --artifacts-size.");
}

/** As far as `artifacts: when` says so. */
export async function saveArtifacts(ending: Ending): Promise<void> {
  const { stages, place, run, success } = ending;
  const { artifacts } = run.job.declared;
  const wanted = artifacts?.when ?? "on_success";
  if (wanted !== "always" && (wanted === "on_success") !== success) return;
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
    await stages.must(title, step, listScript(place, selection));
    const path = run.store.artifactsOf(run.repository.commit.sha, run.job.name);
    if (!(await keepArchive(ending, { step, path }))) throw tooLarge(run.artifacts.maxBytes);
    await handOver(ending, step);
  }
  const { dotenv } = artifacts?.reports ?? {};
  const files = [dotenv ?? []].flat().filter((each) => typeof each === "string");
  if (files.length > 0) {
    const path = run.store.dotenvOf(run.repository.commit.sha, run.job.name);
    const script = dotenvScript(place, expand(files));
    await receive(ending, { step, script, path, maxBytes: DOTENV_MAX_BYTES });
  }
}

/** GitLab's own limit is 5 KB. */
const DOTENV_MAX_BYTES = 32 * 1024;

/** False when it has more than the caller allows; nothing is kept of it then. */
const keepArchive = (
  ending: Ending,
  { step, path }: { readonly step: string; readonly path: string },
): Promise<boolean> =>
  receive(ending, {
    ...{ step, path, script: sendScript(ending.place) },
    maxBytes: ending.run.artifacts.maxBytes,
  });

/** Keeps what a script prints under `path`, unless it is more than so much. */
async function receive(
  { stages, run }: Ending,
  sent: {
    readonly step: string;
    readonly script: Script;
    readonly path: string;
    readonly maxBytes: number;
  },
): Promise<boolean> {
  const { step, script, path, maxBytes } = sent;
  const draft = run.store.receive(path);
  let whole = false;
  try {
    whole = await stages.pipe(step, script, { argv: draft.argv, maxBytes });
  } finally {
    await (whole ? draft.keep() : draft.drop());
  }
  return whole;
}

/** Unpacked by a process of who called us: what a machine sends is nothing for root to unpack. */
async function handOver({ stages, place, run }: Ending, step: string): Promise<void> {
  const { directory, maxBytes } = run.artifacts;
  if (directory === undefined) return;
  const words = [RECEIVE_ARTIFACTS, directory, String(maxBytes)];
  const argv = [...run.invoker.words, ...run.driver, ...words];
  if (!(await stages.pipe(step, sendScript(place), { argv, maxBytes }))) throw tooLarge(maxBytes);
  run.log.say(`Artifacts are in "${directory}".`);
}
