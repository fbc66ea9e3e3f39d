/**
 * Removes what is ours alone: a file, a link, a FIFO, or a directory of a few of these. Not for what
 * a job, an image or a creator has filled; that is `storage/trash.ts`.
 */
import * as fs from "node:fs";
import { RunnerError } from "../text/errors.ts";
import { mountPointsBelow } from "./mount-table.ts";

/** A machine's control directory is four deep. */
const DEPTH_MAX = 8;

/** Nothing there is fine. Links are removed, not followed; no mount is entered. */
export function removeOwn(path: string): void {
  const facts = ignoreGone(() => fs.lstatSync(path));
  if (facts === undefined) return;
  if (!facts.isDirectory()) {
    unlink(path);
    return;
  }
  const [mounted] = mountPointsBelow(path);
  if (mounted !== undefined) {
    throw refusal(
      path,
      `something is mounted on "${mounted}"`,
      `Unmount it, then try again: umount "${mounted}"`,
    );
  }
  removeDirectory(path, path, DEPTH_MAX);
}

function removeDirectory(top: string, path: string, depth: number): void {
  if (depth === 0)
    throw refusal(top, "it is deeper than what we make", `Look what it is: find "${top}"`);
  for (const entry of ignoreGone(() => fs.readdirSync(path, { withFileTypes: true })) ?? []) {
    const below = `${path}/${entry.name}`;
    if (entry.isDirectory()) removeDirectory(top, below, depth - 1);
    else unlink(below);
  }
  ignoreGone(() => fs.rmdirSync(path));
}

const unlink = (path: string): void => ignoreGone(() => fs.unlinkSync(path));

/** Two of us may remove the same; below a file is nothing. */
function ignoreGone<Result>(action: () => Result): Result | undefined {
  try {
    return action();
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw error;
  }
}

function refusal(path: string, reason: string, mend: string): RunnerError {
  return new RunnerError({
    kind: "system",
    message: `Cannot remove "${path}": ${reason}.`,
    hints: [mend],
  });
}
