/**
 * The committed state of the project we are called in, read by git as who called us. Nothing is
 * written to it.
 */
import type { Host } from "../host/host.ts";
import { RunnerError } from "../text/errors.ts";
import { explainGit } from "./explain-git.ts";
import type { Invoker } from "./invoker.ts";
import type { CommitFacts } from "./variables.ts";

export interface Repository {
  readonly commit: CommitFacts;
  /** A clone for the parser of the pipeline, at a path that is not there yet. */
  cloneForParser(path: string): Promise<void>;
  history(): Promise<History>;
}

/** The commit, and all that is here of what came before it: a clone may be shallow. */
export interface History {
  /** Its objects as a pack, in base64. */
  readonly pack: string;
  /** Commits whose parents are not here. */
  readonly shallow: readonly string[];
  readonly objectFormat: "sha1" | "sha256";
}

/** Throws a usage error when there is no commit to run. */
export async function openRepository(host: Host, invoker: Invoker): Promise<Repository> {
  const run = (words: readonly string[]) =>
    host.processes.run([...invoker.words, ...words], { environment: invoker.environment });
  const exec = (words: readonly string[]) =>
    host.processes.exec([...invoker.words, ...words], { environment: invoker.environment });
  const head = await run(["git", "-C", host.workingDirectory, "rev-parse", "--verify", "HEAD"]);
  if (head.exitCode !== 0) throw explainGit(host.workingDirectory, head.stderr);
  const git = async (...words: string[]): Promise<string> =>
    (await exec(["git", "-C", host.workingDirectory, ...words])).trim();
  const [top = "", changes, branch = "", title = ""] = await Promise.all([
    git("rev-parse", "--show-toplevel"),
    git("status", "--porcelain", "--untracked-files=no"),
    git("rev-parse", "--abbrev-ref", "HEAD"),
    git("log", "-1", "--format=%s"),
  ]);
  if (changes !== "") {
    host.log.warn("The job gets the committed state; your uncommitted changes are not in it.");
  }
  const project = top.slice(top.lastIndexOf("/") + 1).replace(/[^A-Za-z0-9._-]/g, "-");
  const commit = { sha: head.stdout.trim(), branch, title, project };
  const readShallow = async (): Promise<readonly string[]> => {
    if ((await git("rev-parse", "--is-shallow-repository")) !== "true") return [];
    const file = await git("rev-parse", "--path-format=absolute", "--git-path", "shallow");
    return (await exec(["cat", "--", file])).split("\n").filter((line) => line !== "");
  };
  return {
    commit,
    cloneForParser: async (path) => {
      // Files that others can read: the parser is nobody that we know.
      await exec(["sh", "-c", CLONE, "sh", top, path, commit.project, ...PARSERS_OWN]);
      if (host.files.probe(`${path}/.gitlab-ci.yml`) !== undefined) return;
      throw new RunnerError({
        kind: "usage",
        message: 'There is no ".gitlab-ci.yml" in the last commit.',
        hints: ["Commit one."],
      });
    },
    history: async () => ({
      pack: await exec(["bash", "-o", "pipefail", "-c", PACK, "bash", top]),
      shallow: await readShallow(),
      objectFormat:
        (await git("rev-parse", "--show-object-format")) === "sha256" ? "sha256" : "sha1",
    }),
  };
}

/**
 * What the parser needs of a repository, and no more: files, index, names of refs, and the trees of
 * two commits for `rules: changes`. No history, no other branch, no path of the host, no person.
 */
const CLONE = `set -e
umask 022
GIT_LFS_SKIP_SMUDGE=1 git clone --quiet --shared -- "$1" "$2"
cd "$2"
base=$(git rev-parse --quiet --verify refs/remotes/origin/HEAD) || base=HEAD
git rev-list --objects --no-object-names --no-walk --filter=blob:none HEAD "$base" |
  git pack-objects --quiet .git/objects/pack/pack >/dev/null
rm -rf .git/objects/info/alternates .git/hooks .git/logs
git config remote.origin.url "https://localhost/local/$3.git"
git config user.name local
git config user.email local@localhost
shift 3
rm -rf -- "$@"`;

/** Not a bundle: that of a shallow clone cannot be fetched from. */
const PACK = `cd "$1" && git rev-list --objects HEAD | git pack-objects --quiet --stdout | base64`;

/** Files with which a repository could give the parser options; GitLab knows none of them. */
const PARSERS_OWN = [
  ".gitlab-ci-local",
  ".gitlab-ci-local-env",
  ".gitlab-ci-local-ignores",
  ".gitlab-ci-local-inputs.yml",
  ".gitlab-ci-local-variables.yml",
];
