/**
 * What people read of us: stderr, and the journal. stdout belongs to the program that asked. Whatever
 * came into a text, it drives no terminal.
 */
import { escapeLines } from "../text/escape.ts";

export type LogLevel = "quiet" | "verbose" | "debug";

export interface Log {
  readonly level: LogLevel;
  /** One sentence for the person watching this command. */
  info(text: string): void;
  /** Something that may surprise the administrator. */
  warn(text: string): void;
  /** Shown with `--verbose`. */
  verbose(text: string): void;
  /** Shown with `--debug`: commands ready to paste, decisions, times. */
  debug(text: string): void;
  error(text: string): void;
  /** Facts that go with every journal entry from now on, such as `MACHINE` and `JOB`. */
  setFields(fields: Readonly<Record<string, string>>): void;
  /** From now on none of these is written, whatever text it is in. */
  hide(secrets: readonly string[]): void;
}

/** As GitLab Runner writes it. */
const HIDDEN = "[MASKED]";

const RANK: Readonly<Record<LogLevel, number>> = { quiet: 0, verbose: 1, debug: 2 };

export function openLog(options: {
  readonly level: LogLevel;
  readonly write: (text: string) => void;
  readonly sendToJournal: (entry: Readonly<Record<string, string>>) => void;
}): Log {
  let fields: Readonly<Record<string, string>> = {};
  const hidden: string[] = [];
  const safe = (text: string): string =>
    escapeLines(hidden.reduce((rest, secret) => rest.replaceAll(secret, HIDDEN), text));
  const shown = (level: LogLevel): boolean => RANK[options.level] >= RANK[level];
  const record = (priority: string, text: string): void =>
    options.sendToJournal({ PRIORITY: priority, MESSAGE: text, ...fields });
  const at = (priority: string, level: LogLevel, prefix: string) => (words: string) => {
    const text = safe(words);
    if (shown(level)) options.write(`${prefix}${text}\n`);
    if (priority !== "7" || shown(level)) record(priority, text);
  };
  return {
    level: options.level,
    info: at("6", "quiet", ""),
    warn: at("4", "quiet", "WARNING: "),
    error: at("3", "quiet", ""),
    verbose: at("7", "verbose", ""),
    debug: at("7", "debug", "+ "),
    setFields: (more) => {
      fields = { ...fields, ...more };
    },
    hide: (secrets) => void hidden.push(...secrets),
  };
}

/**
 * One entry in the journal's native protocol (systemd.journal-fields(7),
 * "Native Journal Protocol" of systemd's documentation): values with newlines carry their length.
 */
export function encodeJournalEntry(entry: Readonly<Record<string, string>>): Buffer {
  const parts: Buffer[] = [];
  for (const [key, value] of Object.entries(entry)) {
    const bytes = Buffer.from(value);
    if (!value.includes("\n")) {
      parts.push(Buffer.from(`${key}=`), bytes, Buffer.from("\n"));
      continue;
    }
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(bytes.length));
    parts.push(Buffer.from(`${key}\n`), length, bytes, Buffer.from("\n"));
  }
  return Buffer.concat(parts);
}
