/** What became of several jobs, as a table. Pure. */
import { escapeUntrusted } from "../../text/escape.ts";
import type { State } from "./schedule.ts";

export interface SummaryRow {
  readonly stage: string;
  readonly name: string;
  readonly state: State;
  /** Nothing for a job that did not run. */
  readonly ms: number | undefined;
}

const WORDS: Readonly<Record<State, string>> = {
  waiting: "not begun",
  running: "cut off",
  passed: "passed",
  failed: "FAILED",
  "failed, which is allowed": "failed (allowed)",
  skipped: "skipped",
  manual: "manual, not run",
};

export function formatSummary(rows: readonly SummaryRow[]): string {
  const cells = rows.map(({ stage, name, state, ms }) => [
    escapeUntrusted(stage, 40),
    escapeUntrusted(name, 60),
    WORDS[state],
    ms === undefined ? "" : `${(ms / 1000).toFixed(1)} s`,
  ]);
  const widths = [0, 1, 2, 3].map((at) => Math.max(...cells.map((row) => row[at]?.length ?? 0)));
  const lines = cells.map(([stage = "", name = "", state = "", time = ""]) =>
    [
      stage.padEnd(widths[0] ?? 0),
      name.padEnd(widths[1] ?? 0),
      state.padEnd(widths[2] ?? 0),
      time.padStart(widths[3] ?? 0),
    ]
      .join("  ")
      .trimEnd(),
  );
  return `${lines.join("\n")}\n`;
}
