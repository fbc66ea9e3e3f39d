/** GitLab Runner's job log as GitLab shows it. Pure. */

/** Date, stream, `O`ut or `E`rr; `+` where the line goes on from the one before it. */
const STAMP = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z [0-9a-f]{2}[OE]`;

/** Without times, colours, and the marks of sections that fold. */
export function plainLog(log: string): string {
  return log
    .replaceAll(new RegExp(`\\n${STAMP}\\+`, "g"), "")
    .replaceAll(new RegExp(`^${STAMP}[ +]`, "gm"), "")
    .replaceAll(/section_(start|end):\d+:[^\r\n]*\r/g, "")
    .replaceAll(COLOURS, "");
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
const COLOURS = /\x1b\[[0-9;]*[mK]/g;
