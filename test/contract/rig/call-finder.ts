/** Finds the process of a driver's call among the children of whoever calls it. */
import { readdirSync, readFileSync } from "node:fs";

/** The call of `run` with this step. Throws when there is none, or more than one. */
export function findCall(caller: number, step: string): number {
  const found = readdirSync(`/proc/${caller}/task`)
    .flatMap((thread) => readWords(`/proc/${caller}/task/${thread}/children`, " "))
    .map(Number)
    .filter((child) => readWords(`/proc/${child}/cmdline`, "\0").at(-1) === step);
  const [pid, ...more] = found;
  if (pid === undefined || more.length > 0) {
    throw new Error(`${found.length} calls of ${caller} run the step "${step}".`);
  }
  return pid;
}

/** Nothing of a process that has gone meanwhile. */
function readWords(path: string, separator: string): string[] {
  try {
    return readFileSync(path, "utf8")
      .split(separator)
      .filter((word) => word !== "");
  } catch {
    return [];
  }
}
