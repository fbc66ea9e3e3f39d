/** Builds side by side, a line each: moving on a terminal, one line an event elsewhere. */
import { Listr, ListrLogger, ProcessOutput } from "listr2";
import type { BuildObserver } from "../image/build/build-image.ts";
import { escapeLines } from "../text/escape.ts";

export interface ProgressTask<Result> {
  readonly title: string;
  /** What the line says once it has ended. */
  readonly describe: (result: Result) => string;
  run(observer: BuildObserver): Promise<Result>;
}

export type Ended<Result> =
  | { readonly kind: "done"; readonly result: Result }
  | { readonly kind: "failed"; readonly error: unknown };

/** What creators, packages and playbooks say, as it comes. */
function echoToStderr(): (bytes: Uint8Array) => void {
  const decoder = new TextDecoder();
  return (bytes) => {
    const text = decoder.decode(bytes, { stream: true }).replaceAll("\r\n", "\n");
    process.stderr.write(escapeLines(text));
  };
}

/** Runs all of them, `jobs` at a time; one that fails stops none of the others. Writes to stderr. */
export async function runWithProgress<Result>(
  tasks: readonly ProgressTask<Result>[],
  options: { readonly jobs: number; readonly quiet: boolean; readonly verbose: boolean },
): Promise<readonly Ended<Result>[]> {
  const ended: Ended<Result>[] = [];
  const moving = process.stderr.isTTY && !options.verbose;
  const logger = new ListrLogger({
    processOutput: new ProcessOutput(process.stderr, process.stderr),
  });
  const list = new Listr(
    tasks.map((task, index) => ({
      title: task.title,
      task: async (_, line) => {
        const warnings: string[] = [];
        try {
          const result = await task.run({
            phase: (text) => {
              line.output = escapeLines(moving ? text : `${task.title}: ${text}`);
            },
            warn: (text) => warnings.push(text),
            ...(options.verbose ? { output: echoToStderr() } : {}),
          });
          ended[index] = { kind: "done", result };
          line.title = escapeLines(
            [`${task.title}: ${task.describe(result)}`, ...warnings].join("\n  "),
          );
        } catch (error) {
          ended[index] = { kind: "failed", error };
          throw new Error(`${task.title}: failed`);
        }
      },
    })),
    {
      concurrent: options.jobs,
      exitOnError: false,
      collectErrors: false,
      renderer: "default",
      fallbackRenderer: "simple",
      fallbackRendererCondition: () => !moving,
      silentRendererCondition: () => options.quiet,
      rendererOptions: { logger, collapseErrors: false, collapseSkips: false },
      fallbackRendererOptions: { logger },
      registerSignalListeners: false,
    },
  );
  await list.run();
  return ended;
}
