/** Bytes of a job as whole lines, without the colours and the overwriting of a terminal. */

// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is looked for
const SEQUENCE = /\u001b\[[\d;]*[A-Za-z]/g;

/** A line that never ends is cut. */
const LINE_LENGTH_MAX = 16 * 1024;

export interface Lines {
  take(bytes: Uint8Array): void;
  /** What has no line's end is a line, too. */
  end(): void;
}

export function openLines(put: (line: string) => void): Lines {
  const decoder = new TextDecoder();
  let rest = "";
  const take = (text: string): void => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) put(line.replace(SEQUENCE, "").replace(/^.*\r(?!$)|\r$/g, ""));
    if (rest.length > LINE_LENGTH_MAX) take("\n");
  };
  return {
    take: (bytes) => take(decoder.decode(bytes, { stream: true })),
    end: () => {
      if (rest !== "") take("\n");
    },
  };
}
