/** What rules ask of the repository besides variables. */
import type { DeclaredPipeline } from "../pipeline/declared-pipeline.ts";
import type { PipelineKind } from "../pipeline/pipeline-kind.ts";
import { comparedRefs, type RuleFacts } from "../pipeline/rules.ts";
import { expandKnown, expandVariables, type Variables } from "../variables/expand.ts";
import type { Repository } from "./repository.ts";

export async function readRuleFacts(
  repository: Repository,
  pipeline: PipelineKind,
  { declared, predefined }: { readonly declared: DeclaredPipeline; readonly predefined: Variables },
): Promise<RuleFacts> {
  const { commit, git, ask } = repository;
  const shared = { ...predefined, ...declared.variables };
  const refs = [
    { rules: declared.workflow, variables: {} },
    ...declared.jobs.map(({ rules, variables }) => ({ rules, variables })),
  ].flatMap(({ rules, variables }) => {
    const compared = comparedRefs(rules ?? []);
    if (compared.length === 0) return [];
    const known = expandVariables({ ...shared, ...variables });
    return compared.map((ref) => expandKnown(ref, known));
  });
  const changedSince: Record<string, readonly string[]> = {};
  for (const ref of new Set(refs)) {
    // A branch of the server may not be here as a branch of one's own.
    const found =
      (await ask("rev-parse", "--verify", "--quiet", "--end-of-options", `${ref}^{commit}`)) ??
      (await ask("rev-parse", "--verify", "--quiet", "--end-of-options", `origin/${ref}^{commit}`));
    if (found !== undefined) changedSince[ref] = await diff(git, found, commit.sha);
  }
  return {
    ref: pipeline.ref,
    kind: pipeline.kind,
    source: pipeline.source,
    projectPath: commit.project.path,
    files: split(await git("ls-tree", "-r", "-z", "--full-tree", "--name-only", commit.sha)),
    changedFiles: await changedFiles(repository, pipeline),
    changedSince,
  };
}

/** Of a push, what the server has not yet, or else the last commit; of a merge request, all of it. */
async function changedFiles(
  { commit, git, ask }: Repository,
  pipeline: PipelineKind,
): Promise<readonly string[] | undefined> {
  if (pipeline.source === "schedule" || pipeline.kind === "tag") return undefined;
  const target = pipeline.kind === "merge_request" ? commit.defaultBranch : pipeline.ref;
  const base =
    (await ask("merge-base", `refs/remotes/origin/${target}`, commit.sha)) ??
    (pipeline.kind === "merge_request"
      ? await ask("merge-base", `refs/heads/${target}`, commit.sha)
      : undefined);
  if (base !== undefined && base !== commit.sha) return diff(git, base, commit.sha);
  // Of the first commit of all, GitLab takes every file for changed.
  return /^0+$/.test(commit.parent) || (await ask("cat-file", "-e", commit.parent)) === undefined
    ? undefined
    : diff(git, commit.parent, commit.sha);
}

const diff = async (git: Repository["git"], from: string, to: string): Promise<readonly string[]> =>
  split(await git("diff", "--name-only", "-z", from, to));

const split = (text: string): readonly string[] => text.split("\0").filter((name) => name !== "");
