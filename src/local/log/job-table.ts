/** Several jobs at a terminal: a line each, which moves while they run. Drawn by whoever has a terminal. */
import { escapeUntrusted } from "../../text/escape.ts";
import type { State } from "../pipeline/schedule.ts";
import type { JobLog } from "./job-log.ts";
import { openLines } from "./lines.ts";

export interface JobTable {
  /** What a job says last. */
  line(job: string, text: string): void;
  state(job: string, state: State): void;
  /** Resolves once it stands still; what has not ended never will. */
  close(): Promise<void>;
}

export type OpenJobTable = (
  rows: readonly { readonly name: string; readonly title: string }[],
) => JobTable;

/** So much of what a job has said is shown when it fails. */
const LINES_MAX = 60;

export interface TableLog extends JobLog {
  /** The last of what was said. */
  tail(): readonly string[];
}

export function openTableLog(table: JobTable, job: string): TableLog {
  let tail: string[] = [];
  const put = (text: string): void => {
    const line = escapeUntrusted(text, LINE_LENGTH_MAX);
    tail = [...tail.slice(1 - LINES_MAX), line];
    if (line.trim() !== "") table.line(job, line);
  };
  return {
    open: (title) => {
      put(title);
      const lines = openLines(put);
      return { output: { onOutput: lines.take }, end: () => lines.end() };
    },
    say: (text) => {
      for (const line of text.split("\n")) put(line);
    },
    warn: (text) => put(`WARNING: ${text}`),
    tail: () => tail,
  };
}

const LINE_LENGTH_MAX = 500;
