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
 * variables of the workflow's rule that it takes for the right one are put in.
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
  takeResolved((text) => {
    resolved = text;
  });
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

/**
 * Once includes and `extends` are resolved, it goes through the keys of the file for their `!reference`,
 * and after each it has the whole written as JSON, to see whether that goes in circles (4.75.1): after
 * the last of them, it is resolved.
 */
function takeResolved(take: (text: string) => void): void {
  const { stringify } = JSON;
  const times = new WeakMap<object, number>();
  JSON.stringify = (value: unknown, ...how: never[]): string => {
    const text = stringify(value, ...how);
    if (isPipeline(value)) {
      const count = (times.get(value) ?? 0) + 1;
      times.set(value, count);
      if (count === Object.keys(value).length) {
        take(text);
        withoutOrder(value);
      }
    }
    return text;
  };
}

/** GitLab's own stages are there whatever the file says. */
const isPipeline = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && "stages" in value;

/** Names of copies ("test: [a, b]") are none to it. Whether there are such jobs, we look at ourselves. */
function withoutOrder(pipeline: Record<string, unknown>): void {
  for (const job of Object.values(pipeline)) {
    if (typeof job !== "object" || job === null) continue;
    for (const keyword of ["needs", "dependencies"]) Reflect.deleteProperty(job, keyword);
  }
}
