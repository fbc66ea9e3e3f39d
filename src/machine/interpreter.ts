/** Which program runs a script inside a machine. Pure. */

/**
 * The words that start a script by its `#!` line: a program and at most one argument, which may hold
 * blanks, as execve(2) has it. `/usr/bin/env bash` becomes `bash`, and so do the plain words of
 * `env -S`, for images without `env`. A script without such a line, or with one that is not plain
 * text, is for `sh`.
 */
export function parseInterpreter(start: string): readonly string[] {
  const line = start.split("\n", 1)[0] ?? "";
  const [, program, argument] =
    /^#![ \t]*([!-~]+)(?:[ \t]+([ -~\t]*[!-~]))?[ \t]*$/.exec(line) ?? [];
  if (program === undefined) return ["sh"];
  const rest = argument === undefined ? [] : [argument];
  if (/^\/(usr\/)?bin\/env$/.test(program) && argument !== undefined) {
    return parseEnvArgument(argument) ?? [program, ...rest];
  }
  if (/^\/(usr\/)?bin\/bash$/.test(program)) return ["bash", ...rest];
  return [program, ...rest];
}

/** `NAME`, or `-S NAME ARGUMENT...` with nothing that env(1) would do more with than to split it. */
function parseEnvArgument(argument: string): readonly string[] | undefined {
  const [, split, words = ""] =
    /^(-S *|--split-string[= ])?([\w./+:@%,= \t-]+)$/.exec(argument) ?? [];
  const list = words.split(/[ \t]+/).filter((word) => word !== "");
  const name = list[0] ?? "-";
  if (name.startsWith("-") || name.includes("=")) return undefined;
  return split === undefined && list.length > 1 ? undefined : list;
}
