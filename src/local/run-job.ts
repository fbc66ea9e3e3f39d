/** One job of a pipeline, once: a machine, the scripts in GitLab Runner's order, and what it leaves. */
import type { Host } from "../host/host.ts";
import { escapeUntrusted } from "../text/escape.ts";
import type { PlannedCache } from "./cache.ts";
import type { RunEnd } from "./job-end.ts";
import {
  downloadArtifacts,
  type Ending,
  readCaches,
  readDotenv,
  restoreCaches,
  saveArtifacts,
  saveCache,
} from "./job-files.ts";
import { jobResponse } from "./job-response.ts";
import type { JobRun } from "./job-run.ts";
import { type Place, prepareScript, shellFrame, sourcesScript, userScript } from "./job-scripts.ts";
import { leftOut } from "./pipeline/not-here.ts";
import { prepareSources, type Sources } from "./repository/sources.ts";
import { ignoredOf, readSourceWish } from "./source-wish.ts";
import { openStages, type Stages } from "./stages.ts";
import { expandText, expandVariables, type Variables } from "./variables/expand.ts";
import { jobVariables } from "./variables/predefined.ts";

/** docs.gitlab.com: the time-out of a project, unless somebody sets another. */
const TIMEOUT_SECONDS = 3600;

/** Throws when the job could not be run; that is not its author's fault, or a usage error. */
export async function runJob(host: Host, run: JobRun): Promise<RunEnd> {
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
    image,
    variables: Object.fromEntries(own.map((name) => [name, known[name] ?? ""])),
    invoker: run.invoker,
    log: run.log,
  });
  for (const sentence of leftOut(job)) run.log.warn(sentence);
  for (const name of ignoredOf(known)) run.log.warn(`${name} changes nothing here.`);
  run.log.say(
    `Running job "${escapeUntrusted(job.name)}" of ${run.repository.commit.sha.slice(0, 8)} (${escapeUntrusted(run.predefined.CI_COMMIT_TITLE ?? "")}).`,
  );
  let place: Place | undefined;
  let failed = true;
  try {
    const { shell, buildsDirectory } = await stages.prepare();
    const variables = withoutFiles(valuesAt(buildsDirectory, image), run.files);
    place = {
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
    await downloadArtifacts(stages, { place, run });
    const end = await stages.run(
      'Executing "step_script" stage of the job script',
      "build_script",
      userScript(place, [...job.declared.before_script, ...job.declared.script]),
    );
    if (end.kind === "out of time") return end;
    failed = end.code !== 0;
    await finish({ stages, place, run, success: end.code === 0 }, caches);
    return host.signal.aborted ? { kind: "cancelled" } : end;
  } finally {
    if (failed && place !== undefined && !host.signal.aborted)
      await attend(host, run, { stages, place });
    await stages.cleanup();
  }
}

/** Lets a person look at what has failed, as they asked. */
async function attend(
  host: Host,
  run: JobRun,
  { stages, place }: { readonly stages: Stages; readonly place: Place },
): Promise<void> {
  switch (run.onFailure) {
    case "clean up":
      return;
    case "keep":
      run.log.say(
        `The machine is kept until you press ^C. Run in it: nspawn-runner run --id ${stages.machine()} SCRIPT`,
      );
      return new Promise((resolve) => {
        host.signal.addEventListener("abort", () => resolve(), { once: true });
      });
    case "shell":
      run.log.say('A shell in the machine, with the job\'s environment; it ends by "exit".');
      return stages.attendShell(shellFrame(place));
  }
}

/** The path of a file is set by the script that writes it. */
const withoutFiles = (variables: Variables, files: Variables): Variables =>
  Object.fromEntries(Object.entries(variables).filter(([name]) => !Object.hasOwn(files, name)));

/** What GitLab Runner does once the script has ended, in its order. */
async function finish(ending: Ending, caches: readonly PlannedCache[]): Promise<void> {
  const { stages, place, run, success } = ending;
  const { after_script: after } = run.job.declared;
  if (after.length > 0) {
    const variables = { ...place.variables, CI_JOB_STATUS: success ? "success" : "failed" };
    const script = userScript({ ...place, variables }, after);
    await stages.run("Running after_script", "after_script", script);
  }
  for (const cache of caches) if (cache.push(success)) await saveCache(ending, cache);
  await saveArtifacts(ending);
}
