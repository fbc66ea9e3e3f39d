/** Variables of a local job, as GitLab would set and expand them. Pure. */

type Variables = Readonly<Record<string, string>>;

const DEPTH_MAX = 10;

/** Expands `$NAME` and `${NAME}` by the other variables; `$$` is a dollar sign. Loops end empty. */
export function expandVariables(variables: Variables): Variables {
  return Object.fromEntries(
    Object.entries(variables).map(([name, value]) => [name, expandText(value, variables)]),
  );
}

/** As `expandVariables`, for other text, such as the name of an image. */
export function expandText(text: string, variables: Variables, depth = 0): string {
  return text.replace(/\$\$|\$\{(\w+)\}|\$(\w+)/g, (found, braced?: string, plain?: string) => {
    if (found === "$$") return "$";
    const name = braced ?? plain ?? "";
    return depth >= DEPTH_MAX ? "" : expandText(variables[name] ?? "", variables, depth + 1);
  });
}

export interface CommitFacts {
  readonly sha: string;
  readonly branch: string;
  readonly title: string;
  readonly project: string;
}

/** The predefined variables that a job run by hand can have. */
export function predefinedVariables(facts: {
  readonly job: { readonly name: string; readonly stage: string };
  readonly commit: CommitFacts;
  readonly jobId: string;
  readonly buildsDirectory: string;
}): Variables {
  const { job, commit, jobId, buildsDirectory } = facts;
  return {
    CI: "true",
    GITLAB_CI: "true",
    CI_BUILDS_DIR: buildsDirectory,
    CI_COMMIT_BRANCH: commit.branch,
    CI_COMMIT_REF_NAME: commit.branch,
    CI_COMMIT_REF_SLUG: commit.branch
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "-")
      .slice(0, 63),
    CI_COMMIT_SHA: commit.sha,
    CI_COMMIT_SHORT_SHA: commit.sha.slice(0, 8),
    CI_COMMIT_TITLE: commit.title,
    CI_JOB_ID: jobId,
    CI_JOB_NAME: job.name,
    CI_JOB_STAGE: job.stage,
    CI_PIPELINE_ID: jobId,
    CI_PIPELINE_SOURCE: "push",
    CI_PROJECT_DIR: `${buildsDirectory}/local/${commit.project}`,
    CI_PROJECT_NAME: commit.project,
    CI_PROJECT_NAMESPACE: "local",
    CI_PROJECT_PATH: `local/${commit.project}`,
    CI_SERVER: "yes",
  };
}
