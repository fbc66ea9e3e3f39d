/** Scripts in the form GitLab Runner gives them to a driver. Pure. */

export type ShellName = "bash" | "sh";

export interface Quoting {
  /** GitLab Runner's feature flag FF_POSIXLY_CORRECT_ESCAPES: "…" in place of $'…'. */
  readonly posix: boolean;
}

const TERM_TRAP = "trap 'exit 1' TERM";

/** The whole script file: everything that is to be done is one quoted word for `eval`. */
export function formatScript(
  shell: ShellName,
  lines: readonly string[],
  quoting: Quoting = { posix: false },
): string {
  const body = lines.map((line) => `${line}\n`).join("");
  return [
    `#!/usr/bin/env ${shell}`,
    "",
    TERM_TRAP,
    "",
    'case "$(set -o)" in *"pipefail"*) set -o pipefail;; esac; set -o errexit',
    "set +o noclobber",
    `(${TERM_TRAP}; eval ${quoteWord(body, quoting)}) < /dev/null`,
    "exit 0",
    "",
  ].join("\n");
}

/** One word for the shell. The default form has ASCII alone, whatever the text holds. */
export function quoteWord(text: string, quoting: Quoting = { posix: false }): string {
  if (text === "") return "''";
  return quoting.posix ? quotePosix(text) : quoteAnsi(text);
}

function quoteAnsi(text: string): string {
  const bytes = Buffer.from(text);
  if (/^[A-Za-z0-9,./@_-]*$/.test(text)) return text;
  const parts: string[] = [];
  for (const byte of bytes) parts.push(ANSI[byte] ?? "");
  return `$'${parts.join("")}'`;
}

function quotePosix(text: string): string {
  if (!/[ !#%&()*<=>?[|`"\\$]/.test(text)) return text;
  return `"${text.replaceAll(/[`"\\$]/g, "\\$&")}"`;
}

const NAMED: Readonly<Record<string, string>> = {
  "\x07": "\\a",
  "\b": "\\b",
  "\t": "\\t",
  "\n": "\\n",
  "\v": "\\v",
  "\f": "\\f",
  "\r": "\\r",
  "'": "\\'",
  "\\": "\\\\",
};

/** How each byte is written between $' and '. */
const ANSI: readonly string[] = Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte);
  const printable = byte >= 0x20 && byte < 0x7f;
  const hexadecimal = `\\x${byte.toString(16).padStart(2, "0")}`;
  return NAMED[character] ?? (printable ? character : hexadecimal);
});
