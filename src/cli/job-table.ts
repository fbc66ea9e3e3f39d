/** Jobs that run side by side, on a terminal: a line each with what it says last, and how it has ended. */
import { Listr, ListrLogger, ListrTaskState, ProcessOutput } from "listr2";
import type { OpenJobTable } from "../local/log/job-table.ts";
import type { State } from "../local/pipeline/schedule.ts";

type End = { readonly kind: "passed" | "failed" | "skipped"; readonly why: string };

/** What stands still, by its state; nothing while it may yet change. */
function endOf(state: State): End | undefined {
  switch (state) {
    case "waiting":
    case "running":
      return undefined;
    case "passed":
      return { kind: "passed", why: "" };
    case "skipped":
      return { kind: "skipped", why: "skipped" };
    case "manual":
      return { kind: "skipped", why: "manual, not run" };
    default:
      return { kind: "failed", why: state };
  }
}

export const openJobTable: OpenJobTable = (rows) => {
  const lines = new Map<string, (text: string) => void>();
  const begins = new Map<string, () => void>();
  const ends = new Map(rows.map(({ name }) => [name, Promise.withResolvers<End>()]));
  const logger = new ListrLogger({
    processOutput: new ProcessOutput(process.stdout, process.stdout),
  });
  const list = new Listr(
    rows.map(({ name, title }) => ({
      title,
      task: async (_, task) => {
        // All are asked at once; when each begins is not the library's to say.
        task.task.state$ = ListrTaskState.WAITING;
        begins.set(name, () => {
          task.task.state$ = ListrTaskState.STARTED;
        });
        lines.set(name, (text) => {
          task.output = text;
        });
        const end = await ends.get(name)?.promise;
        if (end?.kind === "skipped") task.skip(`${title}  ${end.why}`);
        if (end?.kind === "failed") throw new Error(`${title}  ${end.why}`);
      },
    })),
    {
      concurrent: true,
      exitOnError: false,
      collectErrors: false,
      renderer: "default",
      rendererOptions: { logger, collapseErrors: false, collapseSkips: true },
      registerSignalListeners: false,
    },
  );
  const drawn = list.run();
  return {
    line: (name, text) => lines.get(name)?.(text),
    state: (name, state) => {
      if (state === "running") begins.get(name)?.();
      const end = endOf(state);
      if (end !== undefined) ends.get(name)?.resolve(end);
    },
    close: async () => {
      for (const { resolve } of ends.values()) resolve({ kind: "skipped", why: "not begun" });
      await drawn;
    },
  };
};
