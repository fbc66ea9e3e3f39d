/**
 * The CI language, parsed by the package `gitlab-ci-local`. It holds only a command, so it runs in
 * a process of its own: ours, started again with a hidden name, in the sandbox of
 * `plan-sandbox.ts`. It evaluates `rules: if:` as JavaScript: whatever is here may be done by the
 * file that is parsed, and what comes out of here is a stranger's.
 */
export const HIDDEN_COMMAND = "internal-gitlab-ci-local";

/** Where the document that it prints begins; before it are warnings, on the same stdout. */
const DOCUMENT_START = /^---$/m;

/**
 * Becomes that command. What it prints is kept, and told by one line of JSON once it exits: the
 * pipeline, or nothing, and all its words.
 *
 * The document that it prints is not the pipeline: keywords that it does not know are lost in it, and
 * variables of the workflow's rule that it takes for the right one are put in. But when includes,
 * `extends` and `!reference` are resolved, it has the whole written as JSON, to see whether that goes in
 * circles, and nothing of the kind after that (4.75.1).
 */
export async function runGitlabCiLocal(
  words: readonly string[],
  write: (text: string) => void,
): Promise<void> {
  let printed = "";
  let complained = "";
  keep(process.stdout, (text) => {
    printed += text;
  });
  keep(process.stderr, (text) => {
    complained += text;
  });
  const { exit } = process;
  const { stringify } = JSON;
  let resolved: string | undefined;
  JSON.stringify = (value: unknown, ...how: never[]): string => {
    const text = stringify(value, ...how);
    if (isPipeline(value)) resolved = text;
    return text;
  };
  process.exit = (code) => {
    const [warnings = ""] = code === 0 ? printed.split(DOCUMENT_START, 1) : [printed];
    const words = stringify(`${warnings}\n${complained}`);
    const pipeline = code === 0 && resolved !== undefined ? `"pipeline":${resolved},` : "";
    write(`{${pipeline}"words":${words}}\n`);
    return exit(0);
  };
  process.argv = [process.argv[0] ?? "", "gitlab-ci-local", ...words];
  await import("gitlab-ci-local/dist/index.js");
}

function keep(stream: object, take: (text: string) => void): void {
  const write = (text: unknown): boolean => {
    take(String(text));
    return true;
  };
  Object.defineProperty(stream, "write", { value: write });
}

/** It begins with GitLab's own stages, whatever the file says. */
const isPipeline = (value: unknown): boolean =>
  typeof value === "object" && value !== null && "stages" in value;
