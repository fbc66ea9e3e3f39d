/** What the host tells of a path, as plain data. */
import type { Stats } from "node:fs";

export interface PathFacts {
  readonly kind: "file" | "directory" | "link" | "device" | "other";
  readonly inode: number;
  readonly device: number;
  readonly uid: number;
  readonly mode: number;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
}

export function toFacts(facts: Stats): PathFacts {
  return {
    kind: facts.isFile()
      ? "file"
      : facts.isDirectory()
        ? "directory"
        : facts.isSymbolicLink()
          ? "link"
          : facts.isCharacterDevice() || facts.isBlockDevice()
            ? "device"
            : "other",
    inode: facts.ino,
    device: facts.dev,
    uid: facts.uid,
    mode: facts.mode & 0o7777,
    sizeBytes: facts.size,
    modifiedMs: facts.mtimeMs,
  };
}
