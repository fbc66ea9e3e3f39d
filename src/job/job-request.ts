/**
 * What GitLab asks for: the trusted facts of `$JOB_RESPONSE_FILE`. A job can override
 * `CUSTOM_ENV_*`, so those are only read where GitLab Runner is too old to write the file.
 * Everything here comes from a stranger and is validated where it is used.
 */
import * as v from "valibot";
import type { Host } from "../host/host.ts";
import { type JobIdentity, parseJobIdentity, UNKNOWN_JOB } from "../policy/job-identity.ts";
import { RunnerError } from "../text/errors.ts";
import { type JobFeatures, parseJobFeatures } from "./job-features.ts";
import { parseJobSecrets } from "./job-secrets.ts";

const schema = v.object({
  id: v.optional(v.number()),
  job_info: v.nullish(v.object({ project_id: v.nullish(v.number()) })),
  runner_info: v.nullish(v.object({ timeout: v.nullish(v.number()) })),
  git_info: v.fallback(v.nullish(v.object({ repo_url: v.nullish(v.string()) })), undefined),
  image: v.nullish(v.object({ name: v.nullish(v.string()) })),
});

export interface JobRequest {
  readonly jobId: string;
  /** As the job's author wrote it, variables expanded; nothing when there is no `image:`. */
  readonly image: string | undefined;
  readonly timeoutSeconds: number | undefined;
  readonly features: JobFeatures;
  readonly identity: JobIdentity;
  /** To be told to the log, which hides them. */
  readonly secrets: readonly string[];
  /** GitLab itself writes it, with the job's token in it; no variable of a job changes it. */
  readonly repositoryUrl: string | undefined;
}

/** GitLab's own limit of a job's payload is far below; the file holds every variable. */
const RESPONSE_MAX_BYTES = 64 * 1024 * 1024;

/** Nothing when we were not called by GitLab Runner. Throws a system error for an unusable file. */
export function readJobRequest(host: Pick<Host, "files" | "environment">): JobRequest | undefined {
  const path = host.environment.JOB_RESPONSE_FILE;
  if (path === undefined || path === "") return requestOfVariables(host.environment);
  return readJobResponse(host, path);
}

/** What GitLab Runner has written there. Throws a system error for an unusable file. */
export function readJobResponse(host: Pick<Host, "files">, path: string): JobRequest {
  try {
    return parseJobRequest(host.files.readText(path, RESPONSE_MAX_BYTES));
  } catch (cause) {
    throw new RunnerError({
      kind: "system",
      message: `Cannot understand the job in "${path}".`,
      hints: ["Is this GitLab Runner older than 17 or newer than this nspawn-runner knows?"],
      cause,
    });
  }
}

/**
 * What a kept job response says of a variable: the last word, as GitLab Runner has it. One that names
 * others is not known, since they would be filled in.
 */
export function readJobVariable(
  host: Pick<Host, "files">,
  path: string,
): (name: string) => string | undefined {
  const { variables } = v.parse(
    variablesSchema,
    parseJson(host.files.readText(path, RESPONSE_MAX_BYTES)),
  );
  const values = new Map(variables.map(({ key, value }) => [key, value]));
  return (name) => {
    const value = values.get(name);
    return value?.includes("$") ? undefined : value;
  };
}

const variablesSchema = v.object({
  variables: v.fallback(v.array(v.object({ key: v.string(), value: v.string() })), []),
});

/** Pure part of `readJobRequest`. Throws when the text is not a job. */
export function parseJobRequest(text: string): JobRequest {
  const json = parseJson(text);
  const job = v.parse(schema, json);
  return {
    jobId: String(Number.isSafeInteger(job.id) ? Math.max(job.id ?? 0, 0) : 0),
    image: job.image?.name || undefined,
    timeoutSeconds: timeout(job.runner_info?.timeout),
    features: parseJobFeatures(json),
    identity: parseJobIdentity(json),
    secrets: parseJobSecrets(json),
    repositoryUrl: job.git_info?.repo_url ?? undefined,
  };
}

// The parser's own message quotes the text, which holds secrets.
function parseJson(text: string): unknown {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new Error("it is not JSON");
  }
  // The schema would take a list for an object.
  if (Array.isArray(json)) throw new Error("it is a list");
  return json;
}

function requestOfVariables(environment: Readonly<Record<string, string>>): JobRequest | undefined {
  const { CUSTOM_ENV_CI_JOB_ID: id, CUSTOM_ENV_CI_JOB_IMAGE: image } = environment;
  if (id === undefined) return undefined;
  return {
    jobId: /^\d{1,20}$/.test(id) ? id : "0",
    image: image || undefined,
    timeoutSeconds: timeout(Number(environment.CUSTOM_ENV_CI_JOB_TIMEOUT)),
    features: { ignored: [], needsGitlabRunner: true },
    // Variables say it too, but a job may set them to whatever it likes.
    identity: UNKNOWN_JOB,
    // Nobody says which variables are masked.
    secrets: [],
    repositoryUrl: undefined,
  };
}

/** GitLab takes a month at most (docs.gitlab.com, "Job timeout"); systemd counts in microseconds. */
const TIMEOUT_MAX_SECONDS = 31 * 24 * 60 * 60;

function timeout(seconds: number | null | undefined): number | undefined {
  if (seconds === undefined || seconds === null || !(seconds > 0)) return undefined;
  return Math.min(Math.ceil(seconds), TIMEOUT_MAX_SECONDS);
}
