/** Builds jobs for tests: what a test does not name is what an ordinary small job has. */
import type {
  JobArtifact,
  JobCache,
  JobDependency,
  JobImage,
  JobResponse,
  JobStep,
  JobVariable,
} from "./job-response.ts";

export interface JobWish {
  readonly image?: string | JobImage;
  readonly script?: readonly string[];
  readonly afterScript?: readonly string[];
  /** Steps besides `script` and `after_script`, such as `release`. */
  readonly moreSteps?: Readonly<Record<string, readonly string[]>>;
  readonly variables?: Readonly<Record<string, string>>;
  /** Variables of type "file", and others that need more than a value. */
  readonly moreVariables?: readonly (Partial<JobVariable> & { readonly key: string })[];
  readonly services?: readonly (string | JobImage)[];
  readonly cache?: readonly Partial<JobCache>[];
  readonly artifacts?: readonly Partial<JobArtifact>[];
  readonly dependencies?: readonly JobDependency[];
  readonly timeoutSeconds?: number;
  readonly projectPath?: string;
  /** Without it, `get_sources` of the simulator only makes the project's directory. */
  readonly repository?: { readonly url: string; readonly sha: string };
  readonly features?: Readonly<Record<string, unknown>>;
}

/**
 * The runner turns others into more general ones. GitLab itself has no "job_canceled": it knows who
 * cancelled, and a test does not.
 */
const FAILURE_REASONS = [
  "unknown_failure",
  "script_failure",
  "runner_system_failure",
  "job_execution_timeout",
  "image_pull_failure",
  "runner_interrupted",
  "job_canceled",
];

const TIMEOUT_SECONDS = 300;
const ID_MAX = 2 ** 31;

export function makeJob(wish: JobWish = {}): JobResponse {
  const id = 1 + Math.floor(Math.random() * ID_MAX);
  const token = `glcbt-${id.toString(36)}-not-a-secret`;
  const projectPath = wish.projectPath ?? "group/project";
  return {
    id,
    token,
    allow_git_fetch: true,
    job_info: {
      name: "contract",
      stage: "test",
      pipeline_id: 1,
      project_id: 17,
      project_name: projectPath.split("/").at(-1) ?? projectPath,
      project_full_path: projectPath,
    },
    git_info: {
      repo_url: urlWithToken(wish.repository?.url ?? "", token),
      ref: "main",
      sha: wish.repository?.sha ?? "0".repeat(40),
      before_sha: "0".repeat(40),
      ref_type: "branch",
      refspecs: ["+refs/heads/main:refs/remotes/origin/main"],
      depth: 1,
    },
    runner_info: { uuid: "", timeout: wish.timeoutSeconds ?? TIMEOUT_SECONDS },
    variables: variablesOf(wish, id, projectPath),
    steps: stepsOf(wish),
    image: imageOf(wish.image ?? ""),
    services: wish.services?.map(imageOf) ?? null,
    artifacts: wish.artifacts?.map(artifactOf) ?? null,
    cache: wish.cache?.map(cacheOf) ?? null,
    credentials: [
      { type: "registry", url: "registry.example.com", username: "ci", password: "not-a-secret" },
    ],
    dependencies: wish.dependencies ?? null,
    features: {
      trace_sections: true,
      token_mask_prefixes: [],
      failure_reasons: FAILURE_REASONS,
      ...wish.features,
    },
  };
}

/** As GitLab sends it: the job's token is in the URL. */
function urlWithToken(url: string, token: string): string {
  return url.replace("://", `://gitlab-ci-token:${token}@`);
}

function stepsOf(wish: JobWish): JobStep[] {
  const steps = [step("script", wish.script ?? ["true"])];
  for (const [name, script] of Object.entries(wish.moreSteps ?? {})) steps.push(step(name, script));
  if (wish.afterScript !== undefined) {
    steps.push({ ...step("after_script", wish.afterScript), when: "always", allow_failure: true });
  }
  return steps;
}

function step(name: string, script: readonly string[]): JobStep {
  return { name, script, timeout: TIMEOUT_SECONDS, when: "on_success", allow_failure: false };
}

function variablesOf(wish: JobWish, id: number, projectPath: string): JobVariable[] {
  const predefined = {
    CI: "true",
    GITLAB_CI: "true",
    CI_JOB_ID: String(id),
    CI_JOB_NAME: "contract",
    CI_PROJECT_ID: "17",
    CI_PROJECT_PATH: projectPath,
    CI_COMMIT_REF_NAME: "main",
  };
  const plain = Object.entries({ ...predefined, ...wish.variables });
  return [
    ...plain.map(([key, value]) => variable({ key, value })),
    ...(wish.moreVariables ?? []).map(variable),
  ];
}

function variable(wish: Partial<JobVariable> & { readonly key: string }): JobVariable {
  return { value: "", public: true, file: false, masked: false, raw: false, ...wish };
}

function imageOf(wish: string | JobImage): JobImage {
  return typeof wish === "string" ? { name: wish, executor_opts: {} } : wish;
}

function artifactOf(wish: Partial<JobArtifact>): JobArtifact {
  return { name: "artifacts", paths: [], when: "on_success", ...wish };
}

function cacheOf(wish: Partial<JobCache>): JobCache {
  return { key: "default", paths: [], policy: "pull-push", when: "on_success", ...wish };
}
