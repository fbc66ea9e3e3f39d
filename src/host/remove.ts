/**
 * Removes what is ours alone: a file, a link, a FIFO, or a directory of a few of these. Not for what
 * a job, an image or a creator has filled; that is `storage/trash.ts`.
 */
import * as fs from "node:fs";
import { RunnerError } from "../text/errors.ts";
import { mountPointsBelow } from "./mount-table.ts";

/** A machine's control directory is four deep. */
const DEPTH_MAX = 8;
/** A script that just begins puts something there after we have looked; each does so once. */
const TRIES_MAX = 5;

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
  // Before anything is gone: what is not ours is left whole.
  if (isDeeper(path, DEPTH_MAX)) {
    throw refusal(path, "it is deeper than what we make", `Look what it is: find "${path}"`);
  }
  removeDirectory(path);
}

function isDeeper(path: string, depth: number): boolean {
  if (depth === 0) return true;
  const directories = listEntries(path).filter((entry) => entry.isDirectory());
  return directories.some((entry) => isDeeper(`${path}/${entry.name}`, depth - 1));
}

function removeDirectory(path: string): void {
  for (let tries = TRIES_MAX; ; tries -= 1) {
    for (const entry of listEntries(path)) {
      const below = `${path}/${entry.name}`;
      if (entry.isDirectory()) removeDirectory(below);
      else unlink(below);
    }
    try {
      ignoreGone(() => fs.rmdirSync(path));
      return;
    } catch (error) {
      if (tries === 1 || codeOf(error) !== "ENOTEMPTY") throw error;
    }
  }
}

const listEntries = (path: string): fs.Dirent[] =>
  ignoreGone(() => fs.readdirSync(path, { withFileTypes: true })) ?? [];

const unlink = (path: string): void => ignoreGone(() => fs.unlinkSync(path));

/** Two of us may remove the same; below a file is nothing. */
function ignoreGone<Result>(action: () => Result): Result | undefined {
  try {
    return action();
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw error;
  }
}

const codeOf = (error: unknown): unknown =>
  error instanceof Error && "code" in error ? error.code : undefined;

function refusal(path: string, reason: string, mend: string): RunnerError {
  return new RunnerError({
    kind: "system",
    message: `Cannot remove "${path}": ${reason}.`,
    hints: [mend],
  });
}
