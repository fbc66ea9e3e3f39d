/**
 * The variables that GitLab sets itself: docs.gitlab.com, "Predefined CI/CD variables reference". What
 * nobody but GitLab can know has a value that says so (`1`, `local`) or is empty, so that `set -u` and
 * tests of emptiness do what they do there. Pure.
 */
import type { PipelineKind } from "../pipeline/pipeline-kind.ts";
import type { PipelineJob } from "../pipeline/plan-pipeline.ts";
import type { CommitFacts } from "../repository/repository.ts";
import { expandText, expandVariables, type Variables } from "./expand.ts";

/** GitLab's: letters and digits in lower case, at most 63 of them, no dash at an end. */
export const slug = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^a-z0-9]/g, "-")
    .slice(0, 63)
    .replace(/^-+|-+$/g, "");

/** As `SOURCE_BRANCH` and the like are: what names a person's server, project and commit. */
export function pipelineVariables(facts: {
  readonly commit: CommitFacts;
  readonly pipeline: PipelineKind;
  readonly pipelineId: string;
  readonly createdAt: string;
}): Variables {
  const { commit, pipeline, pipelineId, createdAt } = facts;
  return {
    CI: "true",
    GITLAB_CI: "true",
    ...serverVariables(commit),
    ...projectVariables(commit),
    ...commitVariables(commit, pipeline),
    ...(pipeline.kind === "merge_request" ? mergeRequestVariables(commit, pipeline) : {}),
    CI_CONFIG_PATH: ".gitlab-ci.yml",
    CI_PIPELINE_CREATED_AT: createdAt,
    CI_PIPELINE_ID: pipelineId,
    CI_PIPELINE_IID: "1",
    CI_PIPELINE_NAME: "",
    CI_PIPELINE_SOURCE: pipeline.source,
    CI_PIPELINE_TRIGGERED: "",
    CI_PIPELINE_URL: `${serverUrl(commit)}/${commit.project.path}/-/pipelines/${pipelineId}`,
    GITLAB_FEATURES: "",
    GITLAB_USER_EMAIL: commit.user.email,
    GITLAB_USER_ID: "1",
    GITLAB_USER_LOGIN: commit.user.email.replace(/@.*/s, "") || "local",
    GITLAB_USER_NAME: commit.user.name,
  };
}

const fqdn = ({ project: { host, port, protocol } }: CommitFacts): string =>
  port === (protocol === "http" ? "80" : "443") ? host : `${host}:${port}`;

const serverUrl = (commit: CommitFacts): string => `${commit.project.protocol}://${fqdn(commit)}`;

function serverVariables(commit: CommitFacts): Variables {
  const { host, port, protocol } = commit.project;
  const url = serverUrl(commit);
  return {
    CI_API_GRAPHQL_URL: `${url}/api/graphql`,
    CI_API_V4_URL: `${url}/api/v4`,
    CI_PAGES_DOMAIN: `pages.${host}`,
    CI_SERVER: "yes",
    CI_SERVER_FQDN: fqdn(commit),
    CI_SERVER_HOST: host,
    CI_SERVER_NAME: "GitLab",
    CI_SERVER_PORT: port,
    CI_SERVER_PROTOCOL: protocol,
    CI_SERVER_REVISION: "local",
    CI_SERVER_SHELL_SSH_HOST: host,
    CI_SERVER_SHELL_SSH_PORT: "22",
    CI_SERVER_URL: url,
    // The release whose documentation this follows.
    CI_SERVER_VERSION: "18.0.0",
    CI_SERVER_VERSION_MAJOR: "18",
    CI_SERVER_VERSION_MINOR: "0",
    CI_SERVER_VERSION_PATCH: "0",
    CI_TEMPLATE_REGISTRY_HOST: "registry.gitlab.com",
  };
}

function projectVariables(commit: CommitFacts): Variables {
  const { path, host } = commit.project;
  const name = path.slice(path.lastIndexOf("/") + 1);
  const namespace = path.slice(0, path.lastIndexOf("/"));
  const url = `${serverUrl(commit)}/${path}`;
  return {
    CI_DEFAULT_BRANCH: commit.defaultBranch,
    CI_DEFAULT_BRANCH_SLUG: slug(commit.defaultBranch),
    CI_PAGES_HOSTNAME: `${slug(namespace)}.pages.${host}`,
    CI_PAGES_URL: `https://${slug(namespace)}.pages.${host}/${name}`,
    CI_PROJECT_CLASSIFICATION_LABEL: "",
    CI_PROJECT_DESCRIPTION: "",
    CI_PROJECT_ID: "1",
    CI_PROJECT_NAME: name,
    CI_PROJECT_NAMESPACE: namespace,
    CI_PROJECT_NAMESPACE_ID: "1",
    CI_PROJECT_NAMESPACE_SLUG: slug(namespace),
    CI_PROJECT_PATH: path,
    CI_PROJECT_PATH_SLUG: slug(path),
    CI_PROJECT_REPOSITORY_LANGUAGES: "",
    CI_PROJECT_ROOT_NAMESPACE: path.split("/")[0] ?? "",
    CI_PROJECT_TITLE: name,
    CI_PROJECT_TOPICS: "",
    CI_PROJECT_URL: url,
    CI_PROJECT_VISIBILITY: "private",
    CI_REGISTRY: `registry.${host}`,
    CI_REGISTRY_IMAGE: `registry.${host}/${path.toLowerCase()}`,
    CI_REPOSITORY_URL: `${url}.git`,
  };
}

function commitVariables(commit: CommitFacts, { kind, ref }: PipelineKind): Variables {
  const [title = ""] = commit.message.split("\n", 1);
  return {
    CI_COMMIT_AUTHOR: commit.author,
    CI_COMMIT_BEFORE_SHA: kind === "branch" ? commit.parent : "0".repeat(40),
    // GitLab sets it for branches alone, and the other for tags alone.
    ...(kind === "branch" ? { CI_COMMIT_BRANCH: ref } : {}),
    ...(kind === "tag" ? { CI_COMMIT_TAG: ref, CI_COMMIT_TAG_MESSAGE: "" } : {}),
    CI_COMMIT_DESCRIPTION: commit.message.slice(title.length).trim(),
    CI_COMMIT_MESSAGE: commit.message,
    CI_COMMIT_REF_NAME: ref,
    CI_COMMIT_REF_PROTECTED: String(kind === "branch" && ref === commit.defaultBranch),
    CI_COMMIT_REF_SLUG: slug(ref),
    CI_COMMIT_SHA: commit.sha,
    CI_COMMIT_SHORT_SHA: commit.sha.slice(0, 8),
    CI_COMMIT_TIMESTAMP: commit.timestamp,
    CI_COMMIT_TITLE: title,
  };
}

function mergeRequestVariables(commit: CommitFacts, { ref }: PipelineKind): Variables {
  const { path } = commit.project;
  const [title = ""] = commit.message.split("\n", 1);
  const url = `${serverUrl(commit)}/${path}`;
  return {
    CI_MERGE_REQUEST_APPROVED: "",
    CI_MERGE_REQUEST_ASSIGNEES: "",
    CI_MERGE_REQUEST_DESCRIPTION: commit.message.slice(title.length).trim(),
    CI_MERGE_REQUEST_DIFF_BASE_SHA: "",
    CI_MERGE_REQUEST_DRAFT: "false",
    CI_MERGE_REQUEST_EVENT_TYPE: "detached",
    CI_MERGE_REQUEST_ID: "1",
    CI_MERGE_REQUEST_IID: "1",
    CI_MERGE_REQUEST_LABELS: "",
    CI_MERGE_REQUEST_MILESTONE: "",
    CI_MERGE_REQUEST_PROJECT_ID: "1",
    CI_MERGE_REQUEST_PROJECT_PATH: path,
    CI_MERGE_REQUEST_PROJECT_URL: url,
    CI_MERGE_REQUEST_REF_PATH: "refs/merge-requests/1/head",
    CI_MERGE_REQUEST_SOURCE_BRANCH_NAME: ref,
    CI_MERGE_REQUEST_SOURCE_BRANCH_PROTECTED: "false",
    CI_MERGE_REQUEST_SOURCE_BRANCH_SHA: "",
    CI_MERGE_REQUEST_SOURCE_PROJECT_ID: "1",
    CI_MERGE_REQUEST_SOURCE_PROJECT_PATH: path,
    CI_MERGE_REQUEST_SOURCE_PROJECT_URL: url,
    CI_MERGE_REQUEST_SQUASH_ON_MERGE: "false",
    CI_MERGE_REQUEST_TARGET_BRANCH_NAME: commit.defaultBranch,
    CI_MERGE_REQUEST_TARGET_BRANCH_PROTECTED: "true",
    CI_MERGE_REQUEST_TARGET_BRANCH_SHA: "",
    CI_MERGE_REQUEST_TITLE: title,
    CI_OPEN_MERGE_REQUESTS: `${path}!1`,
  };
}

/** What GitLab and its runner set for one job. */
export function jobVariables(facts: {
  readonly job: PipelineJob;
  readonly pipeline: Variables;
  readonly jobId: string;
  readonly startedAt: string;
  readonly timeoutSeconds: number;
  readonly image: string | undefined;
  readonly buildsDirectory: string;
  readonly architecture: "x64" | "arm64";
}): Variables {
  const { job, pipeline, jobId, buildsDirectory } = facts;
  const { index, total } = job.copy;
  return {
    ...pipeline,
    ...environmentVariables(job, pipeline),
    CI_BUILDS_DIR: buildsDirectory,
    CI_CONCURRENT_ID: "0",
    CI_CONCURRENT_PROJECT_ID: "0",
    CI_JOB_GROUP_NAME: job.baseName,
    CI_JOB_ID: jobId,
    ...(facts.image === undefined ? {} : { CI_JOB_IMAGE: facts.image }),
    ...(job.when === "manual" ? { CI_JOB_MANUAL: "true" } : {}),
    CI_JOB_NAME: job.name,
    CI_JOB_NAME_SLUG: slug(job.name),
    CI_JOB_STAGE: job.declared.stage,
    CI_JOB_STARTED_AT: facts.startedAt,
    CI_JOB_STATUS: "running",
    CI_JOB_TIMEOUT: String(facts.timeoutSeconds),
    // A secret of GitLab's: it is set there, and nobody here would take it.
    CI_JOB_TOKEN: "",
    CI_JOB_URL: `${pipeline.CI_PROJECT_URL}/-/jobs/${jobId}`,
    ...(index === undefined ? {} : { CI_NODE_INDEX: String(index) }),
    CI_NODE_TOTAL: String(total),
    CI_PROJECT_DIR: `${buildsDirectory}/${pipeline.CI_PROJECT_PATH}`,
    CI_RUNNER_DESCRIPTION: "nspawn-runner exec",
    CI_RUNNER_EXECUTABLE_ARCH: facts.architecture === "arm64" ? "linux/arm64" : "linux/amd64",
    CI_RUNNER_ID: "1",
    CI_RUNNER_REVISION: "local",
    CI_RUNNER_SHORT_TOKEN: "local",
    CI_RUNNER_TAGS: "[]",
    CI_RUNNER_VERSION: "18.0.0",
  };
}

function environmentVariables(job: PipelineJob, pipeline: Variables): Variables {
  const { environment } = job.declared;
  if (environment === undefined) return {};
  const known = expandVariables({ ...pipeline, ...job.variables });
  const named = typeof environment === "string" ? { name: environment } : environment;
  const name = expandText(named.name ?? "", known);
  return {
    CI_ENVIRONMENT_NAME: name,
    CI_ENVIRONMENT_SLUG: slug(name).slice(0, 24).replace(/-+$/, ""),
    CI_ENVIRONMENT_URL: expandText("url" in named ? (named.url ?? "") : "", known),
  };
}
