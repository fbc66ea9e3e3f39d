/** A command in a terminal, as a person has it: what they type, what they see, the window's size. */
import { later } from "./harness.ts";

export interface Terminal {
  readonly pid: number;
  readonly ended: Promise<number>;
  /** Resolves when the text has been shown since the last call; fails when it ends without. */
  awaitText(text: string): Promise<void>;
  type(text: string): void;
  resize(columns: number, rows: number): void;
  /** As when its window is closed. */
  close(): void;
}

export function openTerminal(
  argv: readonly string[],
  environment: Readonly<Record<string, string>>,
): Terminal {
  let shown = "";
  let over = false;
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const look of waiting) look();
  };
  const child = Bun.spawn([...argv], {
    env: { PATH: process.env.PATH ?? "", HOME: "/root", TERM: "xterm-256color", ...environment },
    terminal: {
      cols: 100,
      rows: 30,
      data: (_terminal, bytes) => {
        shown += Buffer.from(bytes).toString("latin1");
        wake();
      },
    },
  });
  const { terminal } = child;
  if (terminal === undefined) throw new Error("this runtime has no terminals");
  later(() => {
    if (child.exitCode === null) child.kill("SIGTERM");
    return child.exited;
  });
  const ended = child.exited.then((code) => {
    over = true;
    wake();
    return code;
  });
  return {
    pid: child.pid,
    ended,
    awaitText: (text) => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const look = (): void => {
        const at = shown.indexOf(text);
        if (at >= 0) {
          shown = shown.slice(at + text.length);
          resolve();
        } else if (over) reject(new Error(`ended without "${text}": ${JSON.stringify(shown)}`));
      };
      waiting.add(look);
      look();
      return promise.finally(() => waiting.delete(look));
    },
    type: (text) => void terminal.write(text),
    resize: (columns, rows) => terminal.resize(columns, rows),
    close: () => terminal.close(),
  };
}
