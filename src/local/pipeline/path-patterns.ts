/**
 * Patterns of `rules: changes` and `rules: exists`, with the meaning of Ruby's `File.fnmatch?` and the
 * flags that GitLab gives it (PATHNAME, DOTMATCH, EXTGLOB). Pure.
 */

/** GitLab's own limit, from where on it takes the rule for matching. */
const COMPARISONS_MAX = 50_000;

export function matchesAny(patterns: readonly string[], paths: readonly string[]): boolean {
  if (patterns.length * paths.length > COMPARISONS_MAX) return true;
  return patterns.some((pattern) => {
    const glob = new Bun.Glob(toGlob(pattern));
    return paths.some((path) => glob.match(path));
  });
}

/** Two stars mean "any directories" before a slash alone, and a "!" is a letter. */
const toGlob = (pattern: string): string =>
  pattern.replace(/^!/, "\\!").replace(/\*{2,}(?!\/)/g, "*");
