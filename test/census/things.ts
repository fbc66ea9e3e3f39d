/** What one part of the census sees, and how it asks the host. */
import { readdirSync, readFileSync } from "node:fs";

/** A thing's name → how it is (a state, an owner, how many of it); the empty string where that is all. */
export type Things = ReadonlyMap<string, string>;

export interface CensusOptions {
  /** Root directories of nspawn-runner: what lies in them is counted. */
  readonly roots: readonly string[];
  /** Paths that the test itself makes: neither they nor what lies below them is counted. */
  readonly except: readonly string[];
}

/** Stdout of a command of the host, which has to succeed: a census that cannot look is none. */
export function ask(...argv: readonly string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...argv], { stdin: "ignore" });
  if (exitCode !== 0) throw new Error(`${argv.join(" ")}: ${stderr.toString().trim()}`);
  return stdout.toString();
}

export function linesOf(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}

/** How many there are of each name. */
export function tally(names: Iterable<string>): Things {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return new Map([...counts].map(([name, count]) => [name, String(count)]));
}

/** What may vanish while it is looked at (a process, a file) is not there. */
export function ifThere<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ESRCH" || code === "ENODEV" || code === "EINVAL") return;
    throw error;
  }
}

export function textIfThere(path: string): string | undefined {
  return ifThere(() => readFileSync(path, "utf8"));
}

export function namesIn(directory: string): string[] {
  return ifThere(() => readdirSync(directory)) ?? [];
}
