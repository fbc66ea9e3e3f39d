/** The log of one of several jobs: whole lines, each with the job's name before it. */
import type { Host } from "../../host/host.ts";
import { formatSeconds, type JobLog } from "./job-log.ts";
import { openLines } from "./lines.ts";

export function openNamedLog(host: Host, name: string): JobLog {
  const put = (text: string, style?: "title" | "aside"): void => {
    host.print(`${name} | `, "aside");
    host.print(`${text}\n`, style);
  };
  return {
    open: (title) => {
      const startedAt = host.clock.elapsedMs();
      put(title, "title");
      const lines = openLines(put);
      return {
        output: { onOutput: lines.take },
        end: () => {
          lines.end();
          put(formatSeconds(host.clock.elapsedMs() - startedAt), "aside");
        },
      };
    },
    say: (text) => {
      for (const line of text.split("\n")) put(line);
    },
    warn: (text) => put(`WARNING: ${text}`),
  };
}
