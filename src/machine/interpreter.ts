/** Which program runs a script inside a machine. Pure. */

/**
 * The words of a script's `#!` line for the agent: a program and at most one argument, as
 * execve(2) has it. `/usr/bin/env bash` becomes `bash`, for images without `env`; a script without
 * such a line, or with one that is not plain text, is for `sh`.
 */
export function parseInterpreter(start: string): string {
  const line = start.split("\n", 1)[0] ?? "";
  const words = /^#![ \t]*([!-~]+)(?:[ \t]+([!-~]+))?[ \t]*$/.exec(line);
  const [, program, argument] = words ?? [];
  if (program === undefined) return "sh";
  if (/^\/(usr\/)?bin\/env$/.test(program) && argument !== undefined) {
    return argument.startsWith("-") ? `${program} ${argument}` : argument;
  }
  if (/^\/(usr\/)?bin\/bash$/.test(program)) return argument ? `bash ${argument}` : "bash";
  return argument === undefined ? program : `${program} ${argument}`;
}
