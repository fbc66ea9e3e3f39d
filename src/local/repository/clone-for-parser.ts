/** What the parser of a pipeline may see of its repository. */
import type { Project } from "./remote-url.ts";

/** At a path that is not there yet, of files that others can read: the parser is nobody that we know. */
export async function cloneForParser(
  exec: (...words: readonly string[]) => Promise<string>,
  clone: {
    readonly top: string;
    readonly path: string;
    readonly sha: string;
    readonly project: Project;
  },
): Promise<void> {
  const { host, path } = clone.project;
  const origin = `https://${host}/${path}.git`;
  await exec("sh", "-c", CLONE, "sh", clone.top, clone.path, clone.sha, origin, ...PARSERS_OWN);
}

/**
 * What the parser needs of a repository, and no more: files, index, names of refs, and the trees of
 * two commits. No history, no other branch, no path of the host, no person.
 */
const CLONE = `set -e
umask 022
GIT_LFS_SKIP_SMUDGE=1 git clone --quiet --shared -- "$1" "$2"
cd "$2"
[ "$(git rev-parse HEAD)" = "$3" ] || GIT_LFS_SKIP_SMUDGE=1 git reset --quiet --hard "$3"
base=$(git rev-parse --quiet --verify refs/remotes/origin/HEAD) || base=HEAD
git rev-list --objects --no-object-names --no-walk --filter=blob:none HEAD "$base" |
  git pack-objects --quiet .git/objects/pack/pack >/dev/null
rm -rf .git/objects/info/alternates .git/hooks .git/logs
git config remote.origin.url "$4"
git config user.name local
git config user.email local@localhost
shift 4
rm -rf -- "$@"`;

/** Files with which a repository could give the parser options; GitLab knows none of them. */
const PARSERS_OWN = [
  ".gitlab-ci-local.yml",
  ".gitlab-ci-local",
  ".gitlab-ci-local-env",
  ".gitlab-ci-local-ignores",
  ".gitlab-ci-local-inputs.yml",
  ".gitlab-ci-local-variables.yml",
];
