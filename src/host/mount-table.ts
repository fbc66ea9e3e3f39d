/**
 * What is mounted below a directory, in our mount namespace, and taking it away. By the kernel's list
 * of mounts: a bind mount of the same file system has the device number of what is around it, so no
 * comparison of those finds it. In bytes: a mount point's name may hold any.
 */
import * as fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { detachMount } from "./libc.ts";

/** Mount points at or below a directory, in the order they were mounted. */
export function mountPointsBelow(directory: string): Buffer[] {
  const place = realPath(directory);
  if (place === undefined) return [];
  return parseMountPoints(fs.readFileSync("/proc/self/mountinfo")).filter((point) =>
    isWithin(point, Buffer.from(place)),
  );
}

/** Whether something is mounted at the path itself; a link is not followed there. */
export function isMountPoint(path: string): boolean {
  const place = realPath(dirname(path));
  if (place === undefined) return false;
  return mountPointsBelow(place).some((point) =>
    point.equals(Buffer.from(join(place, basename(path)))),
  );
}

/** A mount may be on top of another at the same place, which shows only when the first has gone. */
const ROUNDS_MAX = 64;

/**
 * Unmounts lazily (umount2(2), MNT_DETACH) all that is mounted at or below a directory. Returns what
 * is mounted there all the same.
 */
export function detachBelow(directory: string): string[] {
  let left = mountPointsBelow(directory);
  for (let round = 0; left.length > 0 && round < ROUNDS_MAX; round += 1) {
    // The last first: with a mount go those below it.
    const gone = left.toReversed().filter((point) => detachMount(point));
    if (gone.length === 0) break;
    left = mountPointsBelow(directory);
  }
  return left.map((point) => point.toString());
}

function realPath(path: string): string | undefined {
  try {
    return fs.realpathSync(path);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** Pure. proc_pid_mountinfo(5): the fifth field; space, tab, newline and backslash are octal. */
export function parseMountPoints(table: Buffer): Buffer[] {
  return table
    .toString("latin1")
    .split("\n")
    .flatMap((line) => line.split(" ")[4] ?? [])
    .map((field) =>
      Buffer.from(
        field.replace(/\\([0-7]{3})/g, (_, digits) =>
          String.fromCharCode(Number.parseInt(digits, 8)),
        ),
        "latin1",
      ),
    );
}

const SLASH = 0x2f;

function isWithin(path: Buffer, directory: Buffer): boolean {
  if (!path.subarray(0, directory.length).equals(directory)) return false;
  return path.length === directory.length || path[directory.length] === SLASH;
}
