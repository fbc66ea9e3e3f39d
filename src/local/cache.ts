/** Caches of a job, as GitLab Runner has them: docs.gitlab.com, "Caching". Pure. */
import { RunnerError } from "../text/errors.ts";
import { escapeUntrusted } from "../text/escape.ts";
import type { Cache } from "./pipeline/schema.ts";
import { expandText, type Variables } from "./variables/expand.ts";

export interface PlannedCache {
  readonly key: string;
  readonly paths: readonly string[];
  readonly pull: boolean;
  /** Whether it is made again when the job ends so. */
  push(success: boolean): boolean;
}

/** `versions` tells which version of files the commit has, for `key: files`. */
export function planCaches(
  caches: readonly Cache[],
  variables: Variables,
  versions: (files: readonly string[]) => string,
): readonly PlannedCache[] {
  return caches.flatMap((cache) => {
    const expand = (text: string): string => expandText(text, variables);
    const paths = (cache.paths ?? []).map(expand);
    if (paths.length === 0) return [];
    const policy = expand(cache.policy ?? "pull-push");
    if (!["pull", "push", "pull-push"].includes(policy)) {
      throw new RunnerError({
        kind: "usage",
        message: `"${escapeUntrusted(policy, 60)}" is no policy of a cache: pull, push or pull-push.`,
      });
    }
    const when = cache.when ?? "on_success";
    return [
      {
        key: keyOf(cache.key ?? "default", { expand, versions }),
        paths,
        pull: policy !== "push",
        push: (success: boolean) =>
          policy !== "pull" && (when === "always" || (when === "on_success") === success),
      },
    ];
  });
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
