/** The whole output of one build, kept in a file; its last lines are the reason in an error. */
import type { Host } from "../../host/host.ts";
import { escapeUntrusted } from "../../text/escape.ts";

export interface BuildLog {
  readonly path: string;
  /** False once something could not be written to it, such as for want of space. */
  isWhole(): boolean;
  /** Never throws: the words of what fails are worth more than their log. */
  write(bytes: Uint8Array): void;
  /** A line of ours between the output of others. */
  note(text: string): void;
  /** The last lines that hold something, safe to show. */
  lastLines(count: number): readonly string[];
}

const TAIL_BYTES = 8192;
const LOGS_KEPT = 20;

/** Creates the log of a build; of an image's older logs the newest few are kept. */
export function openBuildLog(
  host: Pick<Host, "files" | "clock">,
  request: {
    readonly rootDirectory: string;
    readonly name: string;
    readonly version: string;
    /** Sees all that goes into the log. */
    readonly echo?: (bytes: Uint8Array) => void;
  },
): BuildLog {
  const directory = `${request.rootDirectory}/.logs`;
  host.files.ensureDirectory(directory, 0o750);
  const prefix = `${request.name}_`;
  const older = host.files.list(directory).filter((entry) => entry.startsWith(prefix));
  for (const entry of older.toReversed().slice(LOGS_KEPT)) {
    host.files.remove(`${directory}/${entry}`);
  }
  const path = `${directory}/${prefix}${request.version}.log`;
  let tail = "";
  let whole = true;
  const write = (bytes: Uint8Array): void => {
    try {
      host.files.append(path, bytes);
    } catch {
      whole = false; // The last lines are kept below, and told with the error.
    }
    tail = (tail + Buffer.from(bytes).toString("utf8")).slice(-TAIL_BYTES);
    request.echo?.(bytes);
  };
  return {
    path,
    isWhole: () => whole,
    write,
    note: (text) => write(Buffer.from(`# ${new Date(host.clock.nowMs()).toISOString()} ${text}\n`)),
    lastLines: (count) =>
      tail
        .split(/[\r\n]+/)
        .map((line) => escapeUntrusted(line.trimEnd()))
        .filter((line) => line !== "" && !line.startsWith("# "))
        .slice(-count),
  };
}
