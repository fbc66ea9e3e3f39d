/** What the kernel says of any process of the host. */
import * as fs from "node:fs";

export interface ProcessFacts {
  readonly id: number;
  /** The name of its program, of which the kernel keeps 15 characters (proc_pid_comm(5)). */
  readonly command: string;
  readonly parent: number;
  /** From the host's boot to its start, in clock ticks: with `id`, this names one process for ever. */
  readonly startTicks: number;
}

/** Nothing where no such process runs. One that is dead and waits for its parent does not run. */
export function probeProcess(id: number): ProcessFacts | undefined {
  let text: string;
  try {
    text = fs.readFileSync(`/proc/${id}/stat`, "utf8");
  } catch (error) {
    // It was never there, or ended while we were reading.
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ESRCH") return undefined;
    throw error;
  }
  return parseProcessStat(text);
}

/**
 * Pure part of `probeProcess`: proc_pid_stat(5). The program's name is in parentheses, and may hold
 * blanks and parentheses itself; the state is behind it.
 */
export function parseProcessStat(text: string): ProcessFacts | undefined {
  const [, id, command = "", state = "", rest = ""] =
    /^(\d+) \((.*)\) (\S) (.*)$/s.exec(text.trimEnd()) ?? [];
  // The fourth field (the parent) is the first of the rest, and the 22nd the start.
  const fields = rest.split(" ");
  const [parent, startTicks] = [Number(fields[0]), Number(fields[18])];
  if (id === undefined || "ZXx".includes(state) || Number.isNaN(startTicks)) return undefined;
  return { id: Number(id), command, parent, startTicks };
}
