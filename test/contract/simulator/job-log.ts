/** The job's log as its author sees it: what the runner says and what the calls write. */

export interface JobLog {
  write(chunk: Uint8Array): void;
  /** A line of the runner's own. */
  line(text: string): void;
  bytes(): Buffer;
  /** What a person reads of it. */
  text(): string;
  /** Resolves once the log holds the text; rejects with the log when it does not in time. */
  waitFor(wanted: string | RegExp, limitMs?: number): Promise<void>;
}

const LIMIT_MS = 60_000;

/** `plain` takes out what a program wrote for other programs. */
export function openJobLog(plain: (text: string) => string = (text) => text): JobLog {
  const chunks: Uint8Array[] = [];
  const waiting = new Set<() => void>();
  const text = (): string => plain(Buffer.concat(chunks).toString("utf8"));
  const write = (chunk: Uint8Array): void => {
    chunks.push(chunk);
    for (const look of waiting) look();
  };
  return {
    write,
    line: (line) => write(Buffer.from(`${line}\n`)),
    bytes: () => Buffer.concat(chunks),
    text,
    waitFor: (wanted, limitMs = LIMIT_MS) => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const look = (): void => {
        const found = typeof wanted === "string" ? text().includes(wanted) : wanted.test(text());
        if (found) resolve();
      };
      waiting.add(look);
      const timer = setTimeout(
        () => reject(new Error(`The log has no ${String(wanted)} after ${limitMs} ms:\n${text()}`)),
        limitMs,
      );
      look();
      return promise.finally(() => {
        clearTimeout(timer);
        waiting.delete(look);
      });
    },
  };
}
