/** Variables that a job hands on in a file: docs.gitlab.com, "artifacts:reports:dotenv". Pure. */
import { quoteArgument } from "../../text/format-command.ts";
import type { Script, Shell } from "../job-scripts.ts";
import type { Variables } from "../variables/expand.ts";

/** Prints the files that are there. */
export function dotenvScript(
  place: { readonly shell: Shell; readonly directory: string },
  files: readonly string[],
): Script {
  const lines = [
    `#!/usr/bin/env ${place.shell}`,
    `cd ${quoteArgument(place.directory)}`,
    ...files.map((file) => `cat -- ${quoteArgument(file)} 2>/dev/null; echo`),
    "exit 0",
  ];
  return [`${lines.join("\n")}\n`];
}

/** Lines of NAME=VALUE; quotes around a value are taken away. What is no such line is passed over. */
export function parseDotenv(text: string): Variables {
  const lines = text.split("\n").flatMap((line) => {
    const [, name, value] = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*?)\s*$/.exec(line) ?? [];
    if (name === undefined || value === undefined || value.includes("\0")) return [];
    return [[name, value.replace(/^(["'])(.*)\1$/s, "$2")]];
  });
  return Object.fromEntries(lines);
}
