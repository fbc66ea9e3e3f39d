/** A job as GitLab sends it: the content of `$JOB_RESPONSE_FILE`. */

export interface JobVariable {
  readonly key: string;
  readonly value: string;
  readonly public: boolean;
  readonly file: boolean;
  readonly masked: boolean;
  readonly raw: boolean;
}

export interface JobStep {
  readonly name: string;
  readonly script: readonly string[];
  readonly timeout: number;
  readonly when: "on_success" | "on_failure" | "always";
  readonly allow_failure: boolean;
}

export interface JobImage {
  readonly name: string;
  readonly alias?: string;
  readonly command?: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly variables?: readonly JobVariable[];
  readonly pull_policy?: readonly string[];
  readonly executor_opts: Readonly<Record<string, unknown>>;
}

type When = "on_success" | "on_failure" | "always";

export interface JobCache {
  readonly key: string;
  readonly paths: readonly string[];
  readonly policy: "pull-push" | "pull" | "push";
  readonly when: When;
}

export interface JobArtifact {
  readonly name: string;
  readonly paths: readonly string[];
  readonly when: When;
}

export interface JobDependency {
  readonly id: number;
  readonly token: string;
  readonly name: string;
  readonly artifacts_file: { readonly filename: string; readonly size: number };
}

export interface JobResponse {
  readonly id: number;
  readonly token: string;
  readonly allow_git_fetch: boolean;
  readonly job_info: {
    readonly name: string;
    readonly stage: string;
    readonly pipeline_id: number;
    readonly project_id: number;
    readonly project_name: string;
    readonly project_full_path: string;
  };
  readonly git_info: {
    readonly repo_url: string;
    readonly ref: string;
    readonly sha: string;
    readonly before_sha: string;
    readonly ref_type: string;
    readonly refspecs: readonly string[];
    readonly depth: number;
  };
  readonly runner_info: { readonly uuid: string; readonly timeout: number };
  readonly variables: readonly JobVariable[];
  readonly steps: readonly JobStep[];
  readonly image: JobImage;
  readonly services: readonly JobImage[] | null;
  readonly artifacts: readonly JobArtifact[] | null;
  readonly cache: readonly JobCache[] | null;
  readonly credentials: readonly Readonly<Record<string, string>>[] | null;
  readonly dependencies: readonly JobDependency[] | null;
  readonly features: Readonly<Record<string, unknown>>;
}
