/**
 * The host's files, at paths that nobody but root can change on the way. Not those in a tree, whose
 * door is `trees.ts`. Synchronous: a stage does one thing at a time, and start-up time is its cost.
 */
import * as fs from "node:fs";
import { dirname } from "node:path";
import { explained } from "./explain-errno.ts";
import { type MarksRequest, readMarks } from "./file-marks.ts";
import { exchangePaths, fileHandle, lockFile, makeFifo, renameNew, shareData } from "./libc.ts";
import { isMountPoint } from "./mount-table.ts";
import { type PathFacts, toFacts } from "./path-facts.ts";
import { readBounded } from "./read-bounded.ts";
import { removeOwn } from "./remove.ts";

/** Of a path's file system: statfs(2). */
export interface FileSystemFacts {
  readonly magic: number;
  readonly sizeBytes: number;
  /** For all but root. */
  readonly freeBytes: number;
  /** How many it can have; 0 where it makes them as needed, as btrfs does. */
  readonly inodes: number;
  readonly freeInodes: number;
}

export interface Files {
  /** Facts of the path itself (a link is not followed), or nothing where there is none. */
  probe(path: string): PathFacts | undefined;
  /**
   * What the file system tells a directory by from every other that it has or ever had: its handle
   * (name_to_handle_at(2)), as an NFS server would. On ext4 and xfs that is the inode's number and
   * its generation, on btrfs the number of the subvolume too. The same after a mount or a reboot,
   * unlike a device number, and another where an inode's number is used again. Nothing where there is
   * none (any more).
   */
  birthMark(path: string): string | undefined;
  /** Whether something is mounted there: nobody renames or exchanges it then (EBUSY). */
  isMountPoint(path: string): boolean;
  /** Whether its file system, or on btrfs its subvolume, refuses every change, also a rename. */
  isReadOnly(path: string): boolean;
  realPath(path: string): string;
  /** Throws when the file is larger than `sizeMaxBytes`. */
  readText(path: string, sizeMaxBytes?: number): string;
  readBytes(path: string): Uint8Array;
  /** Up to `bytes` bytes from the start of a file, as Latin-1. */
  readStart(path: string, bytes: number): string;
  /**
   * Creates or replaces atomically: a reader sees the old text or the new, never half, and of two
   * writers at once the later one's. For what a restart may forget.
   */
  writeText(path: string, text: string, mode?: number): void;
  /** As `writeText`, and on the disk when it returns: a power cut leaves the old or the new. */
  writeDurable(path: string, text: string, mode?: number): void;
  /** Sets when a file was last changed, and nothing else of it: no writer can tear it. */
  setModified(path: string, timeMs: number): void;
  /**
   * Puts a short text into a file that is there and as large: in place, so that it needs no space.
   * False when there is no such file.
   */
  overwrite(path: string, text: string): boolean;
  /** Appends; creates the file when absent. */
  append(path: string, bytes: Uint8Array | string): void;
  copy(from: string, to: string, mode: number): void;
  list(path: string): string[];
  /** See `file-marks.ts`. */
  readMarks(path: string, request: MarksRequest): string;
  ensureDirectory(path: string, mode: number): void;
  /** All of it or nothing: when it throws, the directory is not there, or somebody else's. */
  createDirectory(path: string, mode: number): void;
  /** Removes a file, or a small directory of ours; nothing there is fine. See `remove.ts`. */
  remove(path: string): void;
  /** Atomic, and never over something that is there. */
  renameNew(from: string, to: string): void;
  /** Atomic: each of two that are there gets the other's name. */
  exchange(one: string, other: string): void;
  /** Atomic; replaces a file or link that is there. */
  rename(from: string, to: string): void;
  link(target: string, path: string): void;
  /** As `link`, but false where something of that name is there. */
  linkNew(target: string, path: string): boolean;
  /** Where a link leads; nothing where there is none, or not any more. */
  readLink(path: string): string | undefined;
  makeFifo(path: string, options: { mode: number; ownerId: number }): void;
  setOwner(path: string, ownerId: number): void;
  /** Of what a link leads to. */
  setMode(path: string, mode: number): void;
  probeFileSystem(path: string): FileSystemFacts;
  /** Whether two files in the directory can share their data (FICLONE). Leaves nothing there. */
  probeReflink(directory: string): boolean;
  /**
   * A lock on `path` (created when absent), or nothing when it is taken: never blocks. To wait for
   * it, see `locks.ts`. Who has it alone may remove the file.
   */
  lock(path: string, options: { mode: "shared" | "exclusive" }): Disposable | undefined;
}

const TEXT_MAX_BYTES = 16 * 1024 * 1024;

export function openFiles(): Files {
  return explained(plainFiles());
}

function plainFiles(): Files {
  return {
    probe: (path) => {
      try {
        const facts = fs.lstatSync(path, { throwIfNoEntry: false });
        return facts === undefined ? undefined : toFacts(facts);
      } catch (error) {
        // A file is where a directory would be: then nothing is in it.
        if (hasCode(error, "ENOTDIR")) return undefined;
        throw error;
      }
    },
    birthMark,
    isMountPoint,
    isReadOnly,
    realPath: (path) => fs.realpathSync(path),
    readMarks,
    readText: (path, sizeMaxBytes = TEXT_MAX_BYTES) => {
      const fd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
      try {
        return readBounded(fd, path, sizeMaxBytes).toString();
      } finally {
        fs.closeSync(fd);
      }
    },
    readBytes: (path) => fs.readFileSync(path),
    readStart: (path, bytes) => {
      const fd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
      try {
        const buffer = Buffer.alloc(bytes);
        return buffer.toString("latin1", 0, fs.readSync(fd, buffer, 0, bytes, 0));
      } finally {
        fs.closeSync(fd);
      }
    },
    writeText: (path, text, mode = 0o644) => writeWhole(path, text, { mode, durable: false }),
    writeDurable: (path, text, mode = 0o644) => writeWhole(path, text, { mode, durable: true }),
    setModified: (path, timeMs) => fs.lutimesSync(path, timeMs / 1000, timeMs / 1000),
    overwrite,
    append: (path, bytes) => fs.appendFileSync(path, bytes, { mode: 0o640 }),
    copy: (from, to, mode) => {
      // No FIFO is waited for, and no device read.
      const fd = fs.openSync(from, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
      try {
        if (!fs.fstatSync(fd).isFile()) throw new Error(`"${from}" is no file`);
        fs.copyFileSync(`/proc/self/fd/${fd}`, to, fs.constants.COPYFILE_EXCL);
      } finally {
        fs.closeSync(fd);
      }
      fs.chmodSync(to, mode);
    },
    list: (path) => fs.readdirSync(path).sort(),
    ensureDirectory: (path, mode) => {
      fs.mkdirSync(path, { recursive: true, mode });
    },
    createDirectory: (path, mode) => {
      fs.mkdirSync(path, { mode });
      try {
        fs.chmodSync(path, mode);
      } catch (error) {
        fs.rmdirSync(path);
        throw error;
      }
    },
    remove: removeOwn,
    renameNew,
    exchange: exchangePaths,
    rename: (from, to) => fs.renameSync(from, to),
    link: (target, path) => fs.symlinkSync(target, path),
    linkNew: (target, path) => {
      try {
        fs.symlinkSync(target, path);
        return true;
      } catch (error) {
        if (hasCode(error, "EEXIST")) return false;
        throw error;
      }
    },
    readLink: (path) => {
      try {
        return fs.readlinkSync(path);
      } catch (error) {
        // readlink(2): EINVAL for what is no link.
        if (["ENOENT", "EINVAL", "ENOTDIR"].some((code) => hasCode(error, code))) return undefined;
        throw error;
      }
    },
    makeFifo: (path, { mode, ownerId }) => {
      makeFifo(path, mode);
      fs.chmodSync(path, mode);
      fs.lchownSync(path, ownerId, ownerId);
    },
    setOwner: (path, ownerId) => fs.lchownSync(path, ownerId, ownerId),
    setMode: (path, mode) => fs.chmodSync(path, mode),
    probeFileSystem: (path) => {
      const facts = fs.statfsSync(path);
      return {
        magic: facts.type,
        sizeBytes: facts.blocks * facts.bsize,
        freeBytes: facts.bavail * facts.bsize,
        inodes: facts.files,
        freeInodes: facts.ffree,
      };
    },
    probeReflink,
    lock: (path, { mode }) => {
      while (true) {
        const fd = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o600);
        const taken = lockFile(fd, mode);
        // Who had it before may have removed its file: then it is no lock of this path any more.
        const current = fs.lstatSync(path, { throwIfNoEntry: false })?.ino === fs.fstatSync(fd).ino;
        if (taken && current) return { [Symbol.dispose]: () => fs.closeSync(fd) };
        fs.closeSync(fd);
        if (!taken) return undefined;
      }
    },
  };
}

/** Where there are no handles, as on an overlayfs: the time of birth, which no copy takes over. */
function birthMark(path: string): string | undefined {
  const handle = fileHandle(path);
  if (handle !== undefined) return handle;
  const facts = fs.lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return facts === undefined ? undefined : `${facts.ino} born ${facts.birthtimeNs}`;
}

/** access(2): root may write everywhere else. */
function isReadOnly(path: string): boolean {
  try {
    fs.accessSync(path, fs.constants.W_OK);
    return false;
  } catch (error) {
    if (hasCode(error, "EROFS")) return true;
    throw error;
  }
}

/** Under a name that no other writer has, so that two at once do not hurt each other. */
function writeWhole(
  path: string,
  text: string,
  { mode, durable }: { readonly mode: number; readonly durable: boolean },
): void {
  const draft = `${path}.${crypto.randomUUID().slice(0, 8)}.new`;
  try {
    const fd = fs.openSync(draft, "wx", mode);
    try {
      fs.writeFileSync(fd, text);
      fs.fchmodSync(fd, mode);
      if (durable) fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
    fs.renameSync(draft, path);
  } catch (error) {
    // A disk that is full holds a part of it.
    fs.rmSync(draft, { force: true });
    throw error;
  }
  if (durable) syncDirectory(dirname(path));
}

/** The name of a file is its directory's data: fsync(2) of the file does not cover it. */
function syncDirectory(path: string): void {
  const fd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

function overwrite(path: string, text: string): boolean {
  try {
    const fd = fs.openSync(path, fs.constants.O_WRONLY | fs.constants.O_NOFOLLOW);
    try {
      // All of what was there before is written over.
      fs.writeSync(fd, text.padEnd(fs.fstatSync(fd).size), 0);
    } finally {
      fs.closeSync(fd);
    }
    return true;
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false;
    throw error;
  }
}

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && "code" in error && error.code === code;

/** open(2): a file without a name, which is gone once it is closed, or we are killed. */
const O_TMPFILE = 0o20000000 | fs.constants.O_DIRECTORY;

function probeReflink(directory: string): boolean {
  const descriptors: number[] = [];
  try {
    for (const _ of ["source", "copy"]) {
      descriptors.push(fs.openSync(directory, O_TMPFILE | fs.constants.O_RDWR, 0o600));
    }
    const [source = -1, copy = -1] = descriptors;
    fs.writeSync(source, Buffer.alloc(4096, "x"));
    return shareData(source, copy);
  } catch (error) {
    // A file system without nameless files has no reflinks either.
    if (hasCode(error, "EOPNOTSUPP")) return false;
    throw error;
  } finally {
    for (const fd of descriptors) fs.closeSync(fd);
  }
}
