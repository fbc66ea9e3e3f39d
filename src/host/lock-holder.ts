/** Who holds a lock, as the kernel knows it: nobody has to write that down, or clean it up. */
import { escapeUntrusted } from "../text/escape.ts";
import type { Files } from "./files.ts";

type HolderFiles = Pick<Files, "list" | "probe" | "readLink" | "readText" | "realPath">;

/**
 * The process that has a flock(2) lock on that file: 'process 17 ("nspawn-runner gc")'. Nothing when
 * none is found: nobody has it any more, or a process that we cannot see.
 */
export function findLockHolder(files: HolderFiles, path: string): string | undefined {
  try {
    const inode = files.probe(path)?.inode;
    if (inode === undefined) return undefined;
    const file = files.realPath(path);
    const holder = parseLocks(files.readText("/proc/locks"), inode).find((pid) =>
      hasOpen(files, pid, file),
    );
    return holder === undefined ? undefined : describeProcess(files, holder);
  } catch {
    // Its process ended while we looked.
    return undefined;
  }
}

/**
 * Processes with a flock on a file of that inode number, of whichever file system: on btrfs the
 * device in /proc/locks is the file system's, which no file's facts show. Pure.
 *
 *     1: FLOCK  ADVISORY  WRITE 1234 00:2c:567 0 EOF          (proc_locks(5))
 */
export function parseLocks(text: string, inode: number): number[] {
  return text.split("\n").flatMap((line) => {
    const [, kind, , , pid, file] = line.trim().split(/\s+/);
    const found = kind === "FLOCK" && file?.split(":")[2] === String(inode);
    return found ? Number(pid) : [];
  });
}

function hasOpen(files: HolderFiles, pid: number, file: string): boolean {
  const directory = `/proc/${pid}/fd`;
  if (pid <= 0 || files.probe(directory) === undefined) return false;
  return files.list(directory).some((fd) => files.readLink(`${directory}/${fd}`) === file);
}

function describeProcess(files: HolderFiles, pid: number): string {
  const words = files.readText(`/proc/${pid}/cmdline`).split("\0").filter(Boolean).join(" ");
  return `process ${pid} ("${escapeUntrusted(words)}")`;
}
