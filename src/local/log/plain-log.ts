/** The log of one job, as it comes: where nobody sits at a terminal. */
import type { Host } from "../../host/host.ts";
import { formatSeconds, type JobLog } from "./job-log.ts";

export function openPlainLog(host: Host): JobLog {
  return {
    open: (title) => {
      const startedAt = host.clock.elapsedMs();
      host.print(`${title}\n`, "title");
      return {
        output: { terminal: "output" },
        end: () => host.print(`${formatSeconds(host.clock.elapsedMs() - startedAt)}\n`, "aside"),
      };
    },
    say: (text) => host.print(`${text}\n`),
    warn: (text) => host.log.warn(text),
  };
}
