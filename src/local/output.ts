/** How several jobs, or one, are told of: as a log, lines of each, a table that moves, or events. */
import type { Host } from "../host/host.ts";
import { escapeUntrusted } from "../text/escape.ts";
import type { JobEnd } from "./job-end.ts";
import { openEventLog, printEvent } from "./log/event-log.ts";
import { openFoldingLog } from "./log/folding-log.ts";
import type { JobLog } from "./log/job-log.ts";
import { type OpenJobTable, openTableLog, type TableLog } from "./log/job-table.ts";
import { openNamedLog } from "./log/named-log.ts";
import { openPlainLog } from "./log/plain-log.ts";
import { formatSummary, type SummaryRow } from "./pipeline/format-summary.ts";
import type { PipelineJob } from "./pipeline/plan-pipeline.ts";
import type { State } from "./pipeline/schedule.ts";

export interface Output {
  openLog(job: PipelineJob): JobLog;
  onState(job: PipelineJob, state: State): void;
  onEnd(job: PipelineJob, end: JobEnd): void;
  /** Of several jobs, once none runs. */
  close(rows: readonly SummaryRow[]): Promise<void>;
}

export interface OutputWish {
  readonly kind: "text" | "json";
  /** Draws a table, where a person sits at a terminal and looks on. */
  readonly openTable: OpenJobTable | undefined;
}

export function openOutput(
  host: Host,
  jobs: readonly PipelineJob[],
  { kind, openTable }: OutputWish,
): Output {
  if (kind === "json") return eventOutput(host);
  if (jobs.length > 1 && openTable !== undefined) return tableOutput(host, jobs, openTable);
  const width = Math.min(24, Math.max(...jobs.map(({ name }) => name.length)));
  return {
    openLog: ({ name }) => {
      if (jobs.length > 1) return openNamedLog(host, name.padEnd(width));
      return host.terminal ? openFoldingLog(host) : openPlainLog(host);
    },
    onState: () => {},
    onEnd: () => {},
    close: async (rows) => host.print(formatSummary(rows)),
  };
}

const eventOutput = (host: Host): Output => ({
  openLog: ({ name }) => openEventLog(host, name),
  onState: () => {},
  onEnd: ({ name }, end) =>
    printEvent(host, {
      event: "job",
      job: name,
      status: end.kind === "exited" ? (end.code === 0 ? "passed" : "failed") : end.kind,
      ...(end.kind === "exited" ? { code: end.code } : {}),
    }),
  close: async () => {},
});

/** What has failed is told once the table stands still. */
function tableOutput(host: Host, jobs: readonly PipelineJob[], openTable: OpenJobTable): Output {
  const rows = jobs.map(({ name, declared }) => ({
    name,
    title: `${escapeUntrusted(declared.stage, 40)}  ${escapeUntrusted(name, 60)}`,
  }));
  const table = openTable(rows);
  const logs = new Map<string, TableLog>();
  return {
    openLog: ({ name }) => {
      const log = openTableLog(table, name);
      logs.set(name, log);
      return log;
    },
    onState: ({ name }, state) => table.state(name, state),
    onEnd: () => {},
    close: async (ended) => {
      await table.close();
      for (const { name, state } of ended) {
        if (state !== "failed" && state !== "failed, which is allowed") continue;
        host.print(`\n${escapeUntrusted(name, 80)}, at its end:\n`, "title");
        host.print(`${(logs.get(name)?.tail() ?? []).join("\n")}\n`);
      }
      host.print(`\n${formatSummary(ended)}`);
    },
  };
}
