/** Commands and their failures as text for people. */

/** One argument as a POSIX shell needs it written. */
export function quoteArgument(argument: string): string {
  if (/^[A-Za-z0-9_@%+=:,./-]+$/.test(argument)) return argument;
  return `'${argument.replaceAll("'", "'\\''")}'`;
}

/** A command line ready to paste into a shell. */
export function formatCommand(argv: readonly string[]): string {
  return argv.map(quoteArgument).join(" ");
}

interface FailedCommand {
  readonly argv: readonly string[];
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
  readonly stderr: string;
  readonly durationMs: number;
}

const STDERR_LINES_MAX = 12;

/** One failed command: what it was, how it ended, after what time, and its last words. */
export function formatCommandFailure(command: FailedCommand): string {
  const end =
    command.signal === undefined
      ? `exit status ${command.exitCode ?? "unknown"}`
      : `signal ${command.signal}`;
  const seconds = (command.durationMs / 1000).toFixed(1);
  const words = command.stderr.trimEnd().split("\n").slice(-STDERR_LINES_MAX).join("\n");
  const head = `"${formatCommand(command.argv)}" failed with ${end} after ${seconds} s`;
  return words === "" ? `${head}.` : `${head}: ${words}`;
}
