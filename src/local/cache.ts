/** Caches of a job, as GitLab Runner has them: docs.gitlab.com, "Caching". Pure. */
import { RunnerError } from "../text/errors.ts";
import { escapeUntrusted } from "../text/escape.ts";
import type { Cache } from "./pipeline/schema.ts";
import { expandText, type Variables } from "./variables/expand.ts";

export interface PlannedCache {
  readonly key: string;
  /** Whose cache is taken where there is none of this key: the first that is there. */
  readonly fallbacks: readonly string[];
  readonly paths: readonly string[];
  /** Files that git does not track, too. */
  readonly untracked: boolean;
  readonly pull: boolean;
  /** Whether it is made again when the job ends so. */
  push(success: boolean): boolean;
}

/**
 * `versions` tells which version of files the commit has, for `key: files`. Protected refs have caches of
 * their own, and no other writes them: docs.gitlab.com, "Use the same cache for all branches".
 */
export function planCaches(
  caches: readonly Cache[],
  variables: Variables,
  versions: (files: readonly string[]) => string,
): readonly PlannedCache[] {
  return caches.flatMap((cache) => {
    const expand = (text: string): string => expandText(text, variables);
    const paths = (cache.paths ?? []).map(expand);
    const untracked = cache.untracked === true;
    if (paths.length === 0 && !untracked) return [];
    const policy = expand(cache.policy ?? "pull-push");
    if (!["pull", "push", "pull-push"].includes(policy)) {
      throw new RunnerError({
        kind: "usage",
        message: `"${escapeUntrusted(policy, 60)}" is no policy of a cache: pull, push or pull-push.`,
      });
    }
    const when = cache.when ?? "on_success";
    const isProtected = variables.CI_COMMIT_REF_PROTECTED === "true" && cache.unprotect !== true;
    const own = (key: string): string => `${key}-${isProtected ? "protected" : "non_protected"}`;
    return [
      {
        key: own(keyOf(cache.key ?? "default", { expand, versions })),
        fallbacks: [
          ...(cache.fallback_keys ?? []).map((key) => own(expand(key))),
          ...fallbackOfAll(variables),
        ],
        paths,
        untracked,
        pull: policy !== "push",
        push: (success: boolean) =>
          policy !== "pull" && (when === "always" || (when === "on_success") === success),
      },
    ];
  });
}

/** docs.gitlab.com, "Global fallback key": whole, and none of a protected cache. */
function fallbackOfAll({ CACHE_FALLBACK_KEY: key = "" }: Variables): readonly string[] {
  return key === "" || /-protected[. ]*$/.test(key) ? [] : [key];
}

function keyOf(
  key: NonNullable<Cache["key"]>,
  how: {
    readonly expand: (text: string) => string;
    readonly versions: (files: readonly string[]) => string;
  },
): string {
  if (typeof key === "string") return how.expand(key) || "default";
  const version = how.versions(key.files.map(how.expand)) || "default";
  return key.prefix === undefined ? version : `${how.expand(key.prefix)}-${version}`;
}
