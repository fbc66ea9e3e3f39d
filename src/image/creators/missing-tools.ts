import { RunnerError } from "../../text/errors.ts";
import type { Tool } from "./creator.ts";

/**
 * One error about all commands that the host lacks for making an image, or nothing. `which` says
 * whether a command (a name, or a path) can be started.
 */
export function missingTools(
  image: string,
  tools: readonly Tool[],
  which: (command: string) => boolean,
): RunnerError | undefined {
  const missing = tools.filter(({ command }) => !which(command));
  if (missing.length === 0) return undefined;
  const names = missing.map(({ command }) => `"${command}"`).join(", ");
  const packages = [...new Set(missing.flatMap(({ debian }) => debian ?? []))];
  return new RunnerError({
    kind: "system",
    message: `Cannot create the image "${image}": this host has no ${names}.`,
    hints: [
      ...(packages.length === 0 ? [] : [`Install it: apt-get install ${packages.join(" ")}`]),
      ...missing.flatMap(({ hint }) => hint ?? []),
    ],
  });
}
