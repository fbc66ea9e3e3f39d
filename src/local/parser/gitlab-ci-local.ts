/**
 * The CI language, parsed by the package `gitlab-ci-local`. It holds only a command, so it runs in
 * a process of its own: ours, started again with a hidden name, in the sandbox of
 * `plan-sandbox.ts`. It evaluates `rules: if:` as JavaScript: whatever is here may be done by the
 * file that is parsed, and what comes out of here is a stranger's.
 */
export const HIDDEN_COMMAND = "internal-gitlab-ci-local";

/** Where its document begins; before it are warnings, on the same stdout. */
const DOCUMENT_START = /^---$/m;

/**
 * Becomes that command. What it prints is kept, and told by one line of JSON once it exits: the
 * pipeline without aliases, or nothing, and all its words.
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
  process.exit = (code) => {
    const { warnings, pipeline } = code === 0 ? split(printed) : { warnings: printed };
    write(`${JSON.stringify({ pipeline, words: `${warnings}\n${complained}` })}\n`);
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

function split(printed: string): { readonly warnings: string; readonly pipeline?: unknown } {
  const start = printed.search(DOCUMENT_START);
  if (start < 0) return { warnings: printed };
  return { warnings: printed.slice(0, start), pipeline: Bun.YAML.parse(printed.slice(start)) };
}
