/**
 * Text of strangers, made safe to show: in a terminal, a log, a journal. What drives a terminal, breaks
 * a line, or is not to be seen becomes a visible escape, `\x1b` or `\u202e`. What is escaped once
 * stays as it is.
 */

/**
 * By category of the Unicode Character Database: control characters (C0, DEL, C1), format characters
 * (bidirectional overrides and isolates, zero widths, tags), surrogates alone, separators of lines
 * and paragraphs, and whatever else is shown as nothing.
 */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

const escapeCharacter = (character: string): string => {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, "0")}`;
  return code < 0x10000 ? `\\u${code.toString(16).padStart(4, "0")}` : `\\u{${code.toString(16)}}`;
};

/** One value within a line of ours, which stays one line; cut where it is too long. */
export function escapeUntrusted(text: string, lengthMax = 200): string {
  const shown = text.length > lengthMax ? `${text.slice(0, lengthMax)}…` : text;
  return shown.replace(UNSAFE, escapeCharacter);
}

/** Lines of ours, whatever came into them: the last door before a terminal or the journal. */
export function escapeLines(text: string): string {
  return text.replace(UNSAFE, (character) =>
    character === "\n" || character === "\t" ? character : escapeCharacter(character),
  );
}

/** As `JSON.stringify`, with the same value in it, and nothing that drives a terminal. */
export function formatJson(value: unknown): string {
  const text = JSON.stringify(value, undefined, 2);
  return `${text.replace(UNSAFE, (character) => (character === "\n" ? character : escapeUnits(character)))}\n`;
}

/** As `formatJson`, in one line: for a stream of them. */
export const formatJsonLine = (value: unknown): string =>
  `${JSON.stringify(value).replace(UNSAFE, escapeUnits)}\n`;

/** As RFC 8259 has it: one escape for each unit of UTF-16. */
const escapeUnits = (character: string): string =>
  Array.from({ length: character.length }, (_, index) => {
    const unit = character.charCodeAt(index).toString(16).padStart(4, "0");
    return `\\u${unit}`;
  }).join("");
