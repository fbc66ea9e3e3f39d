/** How the sandboxed parser has ended, as an error a person can act on. Pure. */
import { RunnerError } from "../../text/errors.ts";
import { escapeUntrusted } from "../../text/escape.ts";

const WHAT = 'Cannot understand ".gitlab-ci.yml".';
const LINES_MAX = 20;
const LINE_LENGTH_MAX = 300;

/** The parser's own words, line by line, made safe to show and no more of them than one reads. */
export function wordsOf(text: string): readonly string[] {
  const lines = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !CHATTER.test(line));
  const shown = lines.slice(0, LINES_MAX).map((line) => escapeUntrusted(line, LINE_LENGTH_MAX));
  const more = lines.length - shown.length;
  return more === 0 ? shown : [...shown, `… and ${more} more lines`];
}

/** What it says when nothing is wrong, and how its own command would take less notice of what is. */
const CHATTER =
  /^(parsing and downloads finished in|json schema validated in|For further troubleshooting|• Copy the content of|• Use --)/;

/** Colours that the parser gives its words, whatever it is told. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is looked for
const COLOUR = /\u001b\[[\d;]*m/g;

export const plain = (text: string): string => text.replace(COLOUR, "");

/** It said why there is no pipeline. */
export function refusedBy(words: string): RunnerError {
  const text = plain(words);
  const remote = wantsNetwork(text);
  if (remote !== undefined) {
    return new RunnerError({
      kind: "usage",
      message: `Cannot include ${remote}: what a pipeline says is resolved without network here.`,
      hints: [
        "Commit a copy of it, and include that by include:local. A job of GitLab's is not concerned.",
      ],
    });
  }
  return new RunnerError({
    kind: "usage",
    message: WHAT,
    cause: new Error(wordsOf(text).join("\n") || "The parser did not say why."),
  });
}

const INCLUDES: readonly (readonly [RegExp, (found: RegExpExecArray) => string])[] = [
  [/Remote include could not be fetched (\S+)/, (found) => quoted(found[1])],
  [
    /Project include could not be fetched \{ project: (.*?), ref: .*?, file: (.*?) \}/,
    (found) => `${quoted(found[2])} of the project ${quoted(found[1])}`,
  ],
  [
    /Component include could not be fetched \{ project: (.*?),/,
    (found) => `a component of ${quoted(found[1])}`,
  ],
  // Which version "~latest" is, or which commit: asked of the other server, which did not answer.
  [
    /component: `([^`]*)` - The reference|parseIncludeComponent|getGitRemoteInfo|\bls-remote\b/,
    (found) => (found[1] === undefined ? "a component" : `the component ${quoted(found[1])}`),
  ],
];

const quoted = (text: string | undefined): string => `"${escapeUntrusted(text ?? "")}"`;

function wantsNetwork(text: string): string | undefined {
  for (const [pattern, describe] of INCLUDES) {
    const found = pattern.exec(text);
    if (found !== null) return describe(found);
  }
  return undefined;
}

/** It ended without an answer. `printed` is what systemd-run and it said on stderr. */
export function endedWithout(end: {
  readonly exitCode: number | undefined;
  readonly printed: string;
}): RunnerError {
  const result = RESULT.exec(end.printed)?.[1];
  // systemd.exec(5), "Process Exit Codes": 200 and above are of the service's set-up.
  const notStarted = result === undefined || (end.exitCode ?? 0) >= 200;
  if (notStarted && result !== "timeout" && result !== "oom-kill" && result !== "signal") {
    return new RunnerError({
      kind: "system",
      message: "Cannot start the sandbox that pipelines are resolved in.",
      cause: new Error(wordsOf(end.printed).join("\n")),
      hints: ['See "journalctl -n 20"; it needs systemd 252 or later, and namespaces.'],
    });
  }
  return new RunnerError({
    kind: "usage",
    message: WHAT,
    cause: new Error(WHY[result ?? ""] ?? "The parser ended without an answer."),
    hints: ["Whatever its rules and includes do has to end soon, in little memory."],
  });
}

/** systemd-run(1), `--wait`: its last words. What the parser wrote itself came before. */
const RESULT = /^Finished with result: ([a-z-]+)$/m;

/** systemd.exec(5), `$SERVICE_RESULT`. */
const WHY: Readonly<Record<string, string>> = {
  timeout: "It did not come to an end.",
  "oom-kill": "It took too much memory.",
  signal: "The parser was killed, for want of memory or by itself.",
  "core-dump": "The parser crashed.",
};
