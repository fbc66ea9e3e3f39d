/**
 * The host as a value: every effect the rest of the project can have. `main.ts` opens the real
 * one; tests hand in what they need. Nothing outside `host/` touches the system otherwise.
 */

import { isatty } from "node:tty";
import { escapeLines } from "../text/escape.ts";
import { type Cgroups, openCgroups } from "./cgroups.ts";
import { type Claims, openClaims } from "./claims.ts";
import { type Connections, openConnections } from "./connections.ts";
import { type Fifos, openFifos } from "./fifo.ts";
import { type Files, openFiles } from "./files.ts";
import { isJournalStream } from "./journal-stream.ts";
import { sendDatagram } from "./libc.ts";
import { findLockHolder } from "./lock-holder.ts";
import { type Locks, openLocks } from "./locks.ts";
import { encodeJournalEntry, type Log, type LogLevel, openLog } from "./log.ts";
import { type Mounts, openMounts } from "./mounts.ts";
import { type Names, openNames } from "./names.ts";
import { openProcesses, type Processes } from "./processes.ts";
import { openQuotas, type Quotas } from "./quotas.ts";
import { writeStdout } from "./stdout.ts";
import { openTrees, type Trees } from "./trees.ts";
import { writeStderrNow, writeStdoutNow } from "./write-now.ts";

// What other rooms may name of ours; values come with the host alone.
export type { AnswerFifo, LineFifo } from "./fifo.ts";
export type { FileSystemFacts } from "./files.ts";
export type { ProcessFacts } from "./process-facts.ts";
export type { CommandResult } from "./processes.ts";
export type { Tree } from "./trees.ts";

export interface Clock {
  /** The time of day: for dates, and the ages of files. An administrator, or NTP, may set it. */
  nowMs(): number;
  /** Counts evenly from some moment on, whatever the time of day does: for bounds and durations. */
  elapsedMs(): number;
  /** Resolves after `ms`, whatever happens meanwhile. For bounds, not for waiting on facts. */
  sleep(ms: number): Promise<void>;
}

/** A title of what comes, or what is beside the matter. */
export type Style = "title" | "aside";

export interface Host {
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDirectory: string;
  readonly userId: number;
  readonly processId: number;
  /** The words that this program was started with. */
  readonly commandLine: readonly string[];
  /** The words that start this program again, such as for `ExecStopPost=`. Absolute. */
  readonly driver: readonly string[];
  /** Of the processor, as the runtime names it; no other is supported. */
  readonly architecture: "x64" | "arm64";
  readonly files: Files;
  readonly trees: Trees;
  readonly claims: Claims;
  readonly connections: Connections;
  readonly locks: Locks;
  readonly fifos: Fifos;
  readonly mounts: Mounts;
  readonly quotas: Quotas;
  readonly processes: Processes;
  readonly cgroups: Cgroups;
  readonly names: Names;
  readonly clock: Clock;
  readonly log: Log;
  /** Aborted by SIGTERM, SIGINT and SIGHUP, for which `main.ts` listens. */
  readonly signal: AbortSignal;
  /** `length` random characters of [a-z0-9]. */
  randomName(length: number): string;
  /** Whether a person sits at stdin, stdout and stderr. */
  readonly terminal: boolean;
  /**
   * Writes to stdout, for the program that asked. Whatever came into the text, it drives no terminal;
   * colours come by its style alone, where stdout is a terminal that takes them.
   */
  print(text: string, style?: Style): void;
  /**
   * Writes bytes to stdout and resolves when they are gone: who reads slowly slows us down. False
   * when nobody reads any more.
   */
  writeOut(bytes: Uint8Array): Promise<boolean>;
}

const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
const JOURNAL_SOCKET = "/run/systemd/journal/socket";

export function openHost(options: {
  readonly level: LogLevel;
  readonly signal: AbortSignal;
  /** Neither we nor what we start ends by SIGQUIT. */
  readonly drains?: boolean;
}): Host {
  const environment = definedOnly(process.env);
  const log = openLog({
    level: options.level,
    // In a unit of ours each line would be in the journal twice.
    write: isJournalStream(STDERR, environment.JOURNAL_STREAM) ? () => {} : writeStderrNow,
    sendToJournal: (entry) =>
      sendDatagram(
        JOURNAL_SOCKET,
        encodeJournalEntry({ SYSLOG_IDENTIFIER: "nspawn-runner", ...entry }),
      ),
  });
  const files = openFiles();
  const colours = isatty(STDOUT) && !environment.NO_COLOR;
  return {
    environment,
    workingDirectory: process.cwd(),
    userId: process.getuid?.() ?? -1,
    processId: process.pid,
    commandLine: ["nspawn-runner", ...process.argv.slice(2)],
    driver: driverWords(),
    architecture: process.arch === "arm64" ? "arm64" : "x64",
    files,
    trees: openTrees(),
    claims: openClaims(files),
    connections: openConnections(),
    locks: openLocks({
      sleep: (ms) => Bun.sleep(ms),
      signal: options.signal,
      findHolder: (path) => findLockHolder(files, path),
    }),
    fifos: openFifos(),
    mounts: openMounts(),
    quotas: openQuotas(),
    processes: openProcesses({ log, environment, ...options }),
    cgroups: openCgroups(),
    names: openNames(),
    clock: {
      nowMs: () => Date.now(),
      elapsedMs: () => performance.now(),
      sleep: (ms) => Bun.sleep(ms),
    },
    log,
    signal: options.signal,
    randomName: (length) => {
      const bytes = crypto.getRandomValues(new Uint8Array(length));
      return Array.from(bytes, (byte) => "abcdefghijklmnopqrstuvwxyz012345"[byte % 32]).join("");
    },
    terminal: [STDIN, STDOUT, STDERR].every((fd) => isatty(fd)),
    // At once: what a command of ours writes to the same stdout comes behind it.
    print: (text, style) =>
      writeStdoutNow(colourLines(escapeLines(text), colours ? style : undefined)),
    writeOut: writeStdout,
  };
}

/** Select Graphic Rendition of ECMA-48: cyan and bold, grey. */
const COLOURS: Readonly<Record<Style, string>> = { title: "36;1", aside: "90" };

const colourLines = (text: string, style: Style | undefined): string =>
  style === undefined ? text : text.replace(/[^\n]+/g, `\x1b[${COLOURS[style]}m$&\x1b[0;m`);

/** A compiled executable is one word; from source it is the runtime and the main file. */
function driverWords(): readonly string[] {
  const compiled = Bun.main.startsWith("/$bunfs/");
  return compiled ? [process.execPath] : [process.execPath, Bun.main];
}

function definedOnly(values: NodeJS.ProcessEnv): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
