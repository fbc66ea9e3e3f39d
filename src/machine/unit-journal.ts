/** What the journal says about a unit, for the reason in an error. */
import type { Host } from "../host/host.ts";
import { escapeUntrusted } from "../text/escape.ts";

const LINES = 8;

/** The unit's last lines since `since`, or `otherwise` when the journal has none. One string. */
export async function lastWordsOfUnit(
  host: Pick<Host, "processes">,
  unit: string,
  since: Date,
  otherwise: string,
): Promise<string> {
  const seconds = Math.floor(since.getTime() / 1000) - 1;
  const journal = await host.processes.run([
    "journalctl",
    "--quiet",
    "--no-pager",
    "--output=cat",
    `--lines=${LINES}`,
    `--since=@${seconds}`,
    `--unit=${unit}`,
  ]);
  const words = journal.stdout.trim() || otherwise.trim() || "the journal does not say why";
  return words
    .split("\n")
    .slice(-LINES)
    .map((line) => escapeUntrusted(line))
    .join("\n     ");
}
