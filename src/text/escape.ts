/** Text of strangers, made safe to show. */

/**
 * Replaces control characters (escape sequences, newlines, …) by visible escapes and cuts what is
 * too long: a log line of ours stays one line and cannot drive a terminal.
 */
export function escapeUntrusted(text: string, lengthMax = 200): string {
  const shown = text.length > lengthMax ? `${text.slice(0, lengthMax)}…` : text;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return shown.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x100
      ? `\\x${code.toString(16).padStart(2, "0")}`
      : `\\u${code.toString(16).padStart(4, "0")}`;
  });
}
