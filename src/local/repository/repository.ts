/**
 * The project we are called in, read by git as who called us. Nothing is written to it.
 */
import type { Host } from "../../host/host.ts";
import { RunnerError } from "../../text/errors.ts";
import { cloneForParser } from "./clone-for-parser.ts";
import { explainGit } from "./explain-git.ts";
import type { Invoker } from "./invoker.ts";
import { localProject, type Project, parseRemoteUrl } from "./remote-url.ts";

/** What GitLab would know of the commit and its project. */
export interface CommitFacts {
  readonly sha: string;
  /** The one before it, or zeros. */
  readonly parent: string;
  readonly message: string;
  /** "Name <address>". */
  readonly author: string;
  readonly timestamp: string;
  /** That is checked out; nothing when none is. */
  readonly branch: string | undefined;
  readonly tags: readonly string[];
  readonly defaultBranch: string;
  readonly project: Project;
  /** Who calls, by git's configuration. */
  readonly user: { readonly name: string; readonly email: string };
}

export interface Repository {
  readonly top: string;
  /** Where git has its own, for all work trees. */
  readonly gitDirectory: string;
  readonly commit: CommitFacts;
  /** Runs git in the work tree; its output. */
  git(...words: readonly string[]): Promise<string>;
  /** As `git`, but nothing when git fails. */
  ask(...words: readonly string[]): Promise<string | undefined>;
  /** Runs a program as who called. */
  exec(...words: readonly string[]): Promise<string>;
  /** A clone for the parser of the pipeline, at a path that is not there yet. */
  cloneForParser(path: string): Promise<void>;
}

/**
 * Throws a usage error when there is no commit to run. With a path for `objects`, the state of the work
 * tree is taken: as a commit, whose objects are there.
 */
export async function openRepository(
  host: Host,
  invoker: Invoker,
  { objects }: { readonly objects: string | undefined },
): Promise<Repository> {
  const environment = {
    ...invoker.environment,
    ...(objects === undefined ? {} : { GIT_ALTERNATE_OBJECT_DIRECTORIES: `${objects}/objects` }),
  };
  const run = (words: readonly string[]) =>
    host.processes.run([...invoker.words, ...words], { environment });
  const exec = (...words: readonly string[]) =>
    host.processes.exec([...invoker.words, ...words], { environment });
  const inTree = ["git", "-C", host.workingDirectory];
  const head = await run([...inTree, "rev-parse", "--verify", "HEAD"]);
  if (head.exitCode !== 0) throw explainGit(host.workingDirectory, head.stderr);
  const git = async (...words: readonly string[]) => (await exec(...inTree, ...words)).trimEnd();
  const ask = async (...words: readonly string[]) => {
    const { exitCode, stdout } = await run([...inTree, ...words]);
    return exitCode === 0 ? stdout.trimEnd() : undefined;
  };
  const [top, gitDirectory, changes] = await Promise.all([
    git("rev-parse", "--show-toplevel"),
    git("rev-parse", "--path-format=absolute", "--git-common-dir"),
    git("status", "--porcelain", "--untracked-files=no", "--ignore-submodules"),
  ]);
  if (changes !== "" && objects === undefined) {
    host.log.warn(
      "The job gets the committed state; your uncommitted changes are not in it (see --worktree).",
    );
  }
  const last = head.stdout.trim();
  const sha =
    objects === undefined
      ? last
      : (await exec("sh", "-c", SNAPSHOT, "sh", top, objects, last)).trim();
  const commit = await describeCommit({ git, ask }, { sha, top });
  return {
    top,
    gitDirectory,
    commit,
    git,
    ask,
    exec,
    cloneForParser: async (path) => {
      await cloneForParser(exec, { top, path, sha, project: commit.project });
      if (host.files.probe(`${path}/.gitlab-ci.yml`) !== undefined) return;
      throw new RunnerError({
        kind: "usage",
        message: 'There is no ".gitlab-ci.yml" in the last commit.',
        hints: ["Commit one."],
      });
    },
  };
}

/**
 * A commit of all that git would add, like the last one but for its tree, and after it; the same state
 * has the same name. The repository itself is only read.
 */
const SNAPSHOT = `set -e
umask 077
top=$1 git=$2 last=$3
unset GIT_ALTERNATE_OBJECT_DIRECTORIES
objects=$(git -C "$top" rev-parse --path-format=absolute --git-path objects)
shallow=$(git -C "$top" rev-parse --path-format=absolute --git-path shallow)
format=$(git -C "$top" rev-parse --show-object-format)
git init --quiet --bare --template= --object-format="$format" "$git"
mkdir -p "$git/objects/info"
printf '%s\\n' "$objects" >"$git/objects/info/alternates"
if [ -e "$shallow" ]; then cp "$shallow" "$git/shallow"; fi
export GIT_DIR="$git" GIT_WORK_TREE="$top"
cd "$top"
git read-tree "$last"
git add --all .
GIT_AUTHOR_NAME=$(git log -1 --format=%an "$last")
GIT_AUTHOR_EMAIL=$(git log -1 --format=%ae "$last")
GIT_AUTHOR_DATE=$(git log -1 --format=%aI "$last")
GIT_COMMITTER_NAME=$GIT_AUTHOR_NAME GIT_COMMITTER_EMAIL=$GIT_AUTHOR_EMAIL
GIT_COMMITTER_DATE=$(git log -1 --format=%cI "$last")
export GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_AUTHOR_DATE
export GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL GIT_COMMITTER_DATE
git log -1 --format=%B "$last" | git commit-tree "$(git write-tree)" -p "$last"`;

const NO_COMMIT = "0".repeat(40);

async function describeCommit(
  { git, ask }: Pick<Repository, "git" | "ask">,
  { sha, top }: { readonly sha: string; readonly top: string },
): Promise<CommitFacts> {
  const [told, branch, tags, origin, originHead, main, name, email] = await Promise.all([
    git("log", "-1", "--format=%an <%ae>%x00%cI%x00%P%x00%B", sha),
    ask("symbolic-ref", "--quiet", "--short", "HEAD"),
    git("for-each-ref", "--points-at=HEAD", "--format=%(refname:strip=2)", "refs/tags"),
    ask("remote", "get-url", "origin"),
    ask("symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD"),
    ask("for-each-ref", "--format=%(refname:strip=2)", "refs/heads/main", "refs/heads/master"),
    ask("config", "user.name"),
    ask("config", "user.email"),
  ]);
  const [author = "", timestamp = "", parents = "", message = ""] = told.split("\0");
  const known = main === undefined || main === "" ? branch : main.split("\n")[0];
  return {
    sha,
    parent: parents.split(" ")[0] || NO_COMMIT,
    message,
    author,
    timestamp,
    branch,
    tags: tags === "" ? [] : tags.split("\n"),
    defaultBranch: originHead?.replace(/^origin\//, "") ?? known ?? "main",
    project: (origin === undefined ? undefined : parseRemoteUrl(origin)) ?? localProject(top),
    user: {
      name: name ?? author.replace(/ <.*/s, ""),
      email: email ?? /<(.*)>/.exec(author)?.[1] ?? "",
    },
  };
}
