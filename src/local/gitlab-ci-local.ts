/**
 * The CI language, parsed by the package `gitlab-ci-local`. It holds only a command, so it runs in
 * a process of its own: ours, started again with a hidden name.
 */
export const HIDDEN_COMMAND = "internal-gitlab-ci-local";

/** Becomes that command; it reads `process.argv` when imported, and exits by itself. */
export async function runGitlabCiLocal(words: readonly string[]): Promise<void> {
  process.argv = [process.argv[0] ?? "", "gitlab-ci-local", ...words];
  await import("gitlab-ci-local/dist/index.js");
}
