/**
 * The log of one job in a terminal: what we do ourselves is one line once it is done, as a folded
 * section of GitLab's. What fails, or takes long, is shown as it is.
 */
import type { Host } from "../../host/host.ts";
import { formatSeconds, type JobLog } from "./job-log.ts";
import { openPlainLog } from "./plain-log.ts";

/** So long a person waits without a word. */
const QUIET_MS = 3000;

export function openFoldingLog(host: Host): JobLog {
  const plain = openPlainLog(host);
  return {
    ...plain,
    open: (title, whose) => {
      if (whose === "job's") return plain.open(title, whose);
      const startedAt = host.clock.elapsedMs();
      const decoder = new TextDecoder();
      let kept = "";
      let shown = false;
      const show = (): void => {
        if (!shown) host.print(`${title}\n`, "title");
        shown = true;
        host.print(kept);
        kept = "";
      };
      return {
        output: {
          onOutput: (bytes) => {
            kept += decoder.decode(bytes, { stream: true });
            if (shown || host.clock.elapsedMs() - startedAt > QUIET_MS) show();
          },
        },
        end: (success) => {
          if (!success) show();
          const seconds = formatSeconds(host.clock.elapsedMs() - startedAt);
          if (shown) return host.print(`${seconds}\n`, "aside");
          host.print(title, "title");
          return host.print(` ${seconds}\n`, "aside");
        },
      };
    },
  };
}
