/** A machine's unit and the host's journal: what may be written there, and what it says of a failure. */
import type { Host } from "../host/host.ts";
import { escapeUntrusted } from "../text/escape.ts";

/** Of what a machine's console says, which its job writes as it likes: never a name of ours. */
const CONSOLE_IDENTIFIER = "nspawn-runner-console";

/**
 * What a job prints on its console becomes lines of the host's journal, and nothing else: by itself
 * systemd.exec(5) takes a level from a line's start ("<0>"), and journald sends those of level 0 to
 * every terminal (journald.conf(5), ForwardToWall=). Of them as many as a boot in trouble needs, for the whole
 * of a job, and not 1 MiB: a line may have 48 KB, and journald multiplies the number by 4 where it has room
 * for 4 GB, by 6 where it is 1 TB (burst_modulate() of systemd).
 */
export const JOURNAL_PROPERTIES: readonly string[] = [
  `SyslogIdentifier=${CONSOLE_IDENTIFIER}`,
  "SyslogLevelPrefix=no",
  "LogLevelMax=info",
  "LogRateLimitIntervalSec=1d",
  "LogRateLimitBurst=3",
];

const LINES = 8;

type JournalHost = Pick<Host, "processes">;

/** The unit's last lines since `since`, or `otherwise` when the journal has none. One string. */
export async function lastWordsOfUnit(
  host: JournalHost,
  unit: string,
  since: Date,
  otherwise: string,
): Promise<string> {
  const seconds = Math.floor(since.getTime() / 1000) - 1;
  // What the unit wrote last may be on its way yet.
  await host.processes.run(["journalctl", "--sync"]);
  const journal = await host.processes.run([
    "journalctl",
    "--quiet",
    "--no-pager",
    "--output=json",
    "--output-fields=MESSAGE,SYSLOG_IDENTIFIER",
    `--lines=${LINES}`,
    `--since=@${seconds}`,
    `--unit=${unit}`,
  ]);
  const words = journal.stdout.split("\n").flatMap(formatEntry);
  const others = otherwise.trim() || "the journal does not say why";
  return (
    words.length > 0
      ? words
      : others
          .split("\n")
          .slice(-LINES)
          .map((line) => escapeUntrusted(line))
  ).join("\n     ");
}

/** A line of `journalctl --output=json` as a line for people; none for what is not such. Pure. */
export function formatEntry(json: string): string[] {
  const entry = parseEntry(json);
  if (entry === undefined) return [];
  const text = escapeUntrusted(messageOf(entry.MESSAGE).trim());
  if (text === "") return [];
  return [entry.SYSLOG_IDENTIFIER === CONSOLE_IDENTIFIER ? `On its console: ${text}` : text];
}

interface Entry {
  readonly MESSAGE?: unknown;
  readonly SYSLOG_IDENTIFIER?: unknown;
}

/** Nothing for a line that was cut off, or is none. */
function parseEntry(json: string): Entry | undefined {
  try {
    const entry: unknown = JSON.parse(json);
    return typeof entry === "object" && entry !== null ? entry : undefined;
  } catch {
    return undefined;
  }
}

/** Bytes that are not UTF-8 come as numbers; what is very long does not come (journalctl(1)). */
function messageOf(value: unknown): string {
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return Buffer.from(value.map(Number)).toString("latin1");
  return "(a very long line)";
}
