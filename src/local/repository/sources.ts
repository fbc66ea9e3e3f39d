/**
 * What a job's machine gets of the repository: git directories, made as GitLab Runner would fetch
 * them, each as a tar archive. Made by git as who called us, from nothing but what is here.
 */
import { RunnerError } from "../../text/errors.ts";
import { escapeUntrusted } from "../../text/escape.ts";
import type { PipelineKind } from "../pipeline/pipeline-kind.ts";
import type { Repository } from "./repository.ts";

export interface SourceWish {
  /** How many commits deep; 0 for all of them, and all branches and tags. */
  readonly depth: number;
  readonly submodules: "none" | "normal" | "recursive";
}

export interface Sources {
  readonly sha: string;
  readonly git: GitDirectory;
  readonly submodules: readonly (GitDirectory & { readonly path: string; readonly sha: string })[];
}

export interface GitDirectory {
  /** The archive, in a directory of who called us. */
  readonly file: string;
}

/** `directory` is who-called-us's own, and there is nothing of these names in it yet. */
export async function prepareSources(
  repository: Repository,
  wish: SourceWish,
  { directory, pipeline }: { readonly directory: string; readonly pipeline: PipelineKind },
): Promise<Sources> {
  const { commit, exec } = repository;
  const { project } = commit;
  const ref =
    pipeline.kind === "tag" ? `refs/tags/${pipeline.ref}` : `refs/remotes/origin/${pipeline.ref}`;
  const pack = async (
    name: string,
    from: {
      readonly top: string;
      readonly sha: string;
      readonly ref: string;
      readonly origin: string;
    },
  ): Promise<GitDirectory> => {
    const file = `${directory}/${name}.tar`;
    const path = `${directory}/${name}`;
    const { top, sha, ref: to, origin } = from;
    await exec("sh", "-c", FETCH, "sh", top, path, sha, to, String(wish.depth), origin, file);
    return { file };
  };
  const git = await pack("sources", {
    top: repository.top,
    sha: commit.sha,
    ref,
    origin: `${project.protocol}://${project.host}/${project.path}.git`,
  });
  const found = wish.submodules === "none" ? [] : await findSubmodules(repository, wish.submodules);
  const submodules: Sources["submodules"][number][] = [];
  for (const [index, { path, top, sha, origin }] of found.entries()) {
    const packed = await pack(`submodule-${index}`, {
      top,
      sha,
      origin,
      ref: "refs/remotes/origin/HEAD",
    });
    submodules.push({ ...packed, path, sha });
  }
  return { sha: commit.sha, git, submodules };
}

/**
 * As `git fetch` of GitLab Runner: so deep, one ref, tags that are on the way. git has trusted the work
 * tree before; a program that it starts does not hear of that by itself. Objects of Git LFS that are
 * here come along. Without reference to what is the caller's: hooks, configuration, other branches.
 */
const FETCH = `set -e
umask 077
# Objects of uncommitted changes: they have to come over, and not to seem to be here.
more=\${GIT_ALTERNATE_OBJECT_DIRECTORIES-}
unset GIT_ALTERNATE_OBJECT_DIRECTORIES
top=$1 path=$2 sha=$3 ref=$4 depth=$5 origin=$6 file=$7
# A tag is fetched by its name: it may be an object of its own.
case $ref in refs/tags/*) from=$ref ;; *) from=$sha ;; esac
format=$(git -C "$top" rev-parse --show-object-format)
git init --quiet --template= --object-format="$format" "$path"
cd "$path"
fetch() {
  git fetch --quiet --upload-pack="env GIT_ALTERNATE_OBJECT_DIRECTORIES='$more' git -c safe.directory='*' -c uploadpack.allowAnySHA1InWant=true upload-pack" "$@"
}
if [ "$depth" -gt 0 ]; then fetch --depth "$depth" "file://$top" "+$from:$ref"
else
  fetch "file://$top" "+refs/remotes/origin/*:refs/remotes/origin/*" "+refs/tags/*:refs/tags/*" '^refs/remotes/origin/HEAD'
  fetch "file://$top" "+$from:$ref"
fi
rm -f .git/FETCH_HEAD
git update-ref --no-deref HEAD "$sha"
git remote add origin "$origin"
if git grep -q -I 'filter=lfs' "$sha" -- '*.gitattributes' '.gitattributes'; then
  lfs=$(git -C "$top" rev-parse --path-format=absolute --git-common-dir)/lfs/objects
  git grep -h -I -E '^oid sha256:[0-9a-f]{64}$' "$sha" | sort -u | while read -r _ oid; do
    oid=\${oid#sha256:}
    object=$(printf %s "$oid" | cut -c1-2)/$(printf %s "$oid" | cut -c3-4)/$oid
    if [ -f "$lfs/$object" ]; then
      mkdir -p ".git/lfs/objects/\${object%/*}"
      cp "$lfs/$object" ".git/lfs/objects/$object"
    fi
  done
fi
tar --owner=0 --group=0 --numeric-owner -C .git -cf "$file" .
cd /
rm -rf "$path"`;

interface Submodule {
  readonly path: string;
  /** Its work tree here. */
  readonly top: string;
  readonly sha: string;
  readonly origin: string;
}

async function findSubmodules(
  { top, commit, exec }: Pick<Repository, "top" | "commit" | "exec">,
  how: "normal" | "recursive",
): Promise<readonly Submodule[]> {
  const printed = await exec("sh", "-c", SUBMODULES, "sh", top, commit.sha, how);
  const words = printed.split("\0");
  const found: Submodule[] = [];
  for (let at = 0; at + 3 < words.length; at += 4) {
    const [state = "", path = "", sha = "", origin = ""] = words.slice(at, at + 4);
    if (state !== "here") throw notHere(path);
    found.push({ path, top: `${top}/${path}`, sha, origin });
  }
  return found;
}

/** Four words each: whether its commit is here, its path, the commit, and its origin. */
const SUBMODULES = `set -e
look() {
  git -C "$1" ls-tree -r -z "$2" | tr '\\n\\0' '\\001\\n' | grep '^160000 ' | while read -r _ _ line; do
    sha=\${line%%	*} path=\${line#*	}
    if [ -e "$1/$path/.git" ] && git -C "$1/$path" cat-file -e "$sha^{commit}" 2>/dev/null; then
      printf 'here\\0%s\\0%s\\0%s\\0' "$3$path" "$sha" "$(git -C "$1/$path" remote get-url origin 2>/dev/null)"
      if [ "$4" = recursive ]; then look "$1/$path" "$sha" "$3$path/" "$4"; fi
    else
      printf 'absent\\0%s\\0%s\\0\\0' "$3$path" "$sha"
    fi
  done
}
look "$1" "$2" "" "$3"`;

const notHere = (path: string): RunnerError =>
  new RunnerError({
    kind: "usage",
    message: `The job wants the submodule "${escapeUntrusted(path, 120)}", whose commit is not in your work tree.`,
    hints: ['Fetch it: "git submodule update --init --recursive".'],
  });
