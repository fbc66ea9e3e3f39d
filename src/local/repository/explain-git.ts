/** Why git cannot tell the commit of a directory: each fault with git's own words. Pure. */
import { RunnerError } from "../../text/errors.ts";
import { escapeUntrusted } from "../../text/escape.ts";

/** `said` is what `git rev-parse --verify HEAD` has on stderr. */
export function explainGit(directory: string, said: string): RunnerError {
  const { what, hints } = kindOf(said);
  const words = said
    .trim()
    .split("\n")
    .map((line) => escapeUntrusted(line, 500));
  return new RunnerError({
    kind: "usage",
    message: `"${escapeUntrusted(directory)}" ${what}.`,
    cause: new Error(`git says: ${words.join("\n")}`),
    hints,
  });
}

function kindOf(said: string): { readonly what: string; readonly hints: readonly string[] } {
  if (said.includes("dubious ownership")) {
    return {
      what: "belongs to somebody else, and git does not trust it",
      hints: [
        'Call "sudo nspawn-runner exec" as its owner: git is then asked as that person.',
        "Or trust it, with the git config that git names.",
      ],
    };
  }
  if (said.includes("not a git repository")) {
    return { what: "is not in a git work tree", hints: ["Change to your project."] };
  }
  if (said.includes("Needed a single revision")) {
    return { what: "has no commit yet", hints: ["Commit your project with its .gitlab-ci.yml."] };
  }
  return { what: "has no commit that git can tell", hints: [] };
}
