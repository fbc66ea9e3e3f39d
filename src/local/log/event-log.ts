/** The log of a job as events for a program: one object of JSON a line, on stdout. */
import type { Host } from "../../host/host.ts";
import { formatJsonLine } from "../../text/escape.ts";
import type { JobLog } from "./job-log.ts";

export type ExecEvent =
  | { readonly event: "job"; readonly job: string; readonly status: string; readonly code?: number }
  | { readonly event: "section"; readonly job: string; readonly title: string }
  | { readonly event: "output"; readonly job: string; readonly text: string }
  | {
      readonly event: "section end";
      readonly job: string;
      readonly title: string;
      readonly success: boolean;
      readonly ms: number;
    }
  | {
      readonly event: "message";
      readonly job: string;
      readonly level: "info" | "warning";
      readonly text: string;
    };

export const printEvent = (host: Host, event: ExecEvent): void => host.print(formatJsonLine(event));

export function openEventLog(host: Host, job: string): JobLog {
  const print = (event: ExecEvent): void => printEvent(host, event);
  return {
    open: (title) => {
      const startedAt = host.clock.elapsedMs();
      const decoder = new TextDecoder();
      print({ event: "section", job, title });
      return {
        output: {
          onOutput: (bytes) =>
            print({ event: "output", job, text: decoder.decode(bytes, { stream: true }) }),
        },
        end: (success) => {
          const ms = Math.round(host.clock.elapsedMs() - startedAt);
          print({ event: "section end", job, title, success, ms });
        },
      };
    },
    say: (text) => print({ event: "message", job, level: "info", text }),
    warn: (text) => print({ event: "message", job, level: "warning", text }),
  };
}
