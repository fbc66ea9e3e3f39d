/** The log of one of several jobs: whole lines, each with the job's name before it. */
import type { Host } from "../../host/host.ts";
import { formatSeconds, type JobLog } from "./job-log.ts";

/** Colours of a job's output, which only one job at a time could have. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is looked for
const SEQUENCE = /\u001b\[[\d;]*[A-Za-z]/g;

/** A line that never ends is cut. */
const LINE_LENGTH_MAX = 16 * 1024;

export function openNamedLog(host: Host, name: string): JobLog {
  const put = (text: string, style?: "title" | "aside"): void => {
    host.print(`${name} | `, "aside");
    host.print(`${text}\n`, style);
  };
  return {
    open: (title) => {
      const startedAt = host.clock.elapsedMs();
      put(title, "title");
      const decoder = new TextDecoder();
      let rest = "";
      const take = (text: string): void => {
        const lines = (rest + text).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) put(line.replace(SEQUENCE, "").replace(/^.*\r(?!$)|\r$/g, ""));
        if (rest.length > LINE_LENGTH_MAX) take("\n");
      };
      return {
        output: { onOutput: (bytes) => take(decoder.decode(bytes, { stream: true })) },
        end: () => {
          if (rest !== "") take("\n");
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
