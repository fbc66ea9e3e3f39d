/**
 * The one door into trees: root file systems that a job, an image or a package may have filled. What
 * is named in one is looked for beneath its root, whoever exchanges its entries meanwhile: openat2(2)
 * follows no link there, neither out of the tree nor within it. Nothing is read that is no file, and
 * nothing without a bound.
 */
import * as fs from "node:fs";
import { constants } from "node:os";
import { posix } from "node:path";
import { RunnerError } from "../text/errors.ts";
import { escapeUntrusted } from "../text/escape.ts";
import { explained } from "./explain-errno.ts";
import { openBeneath, SystemCallError } from "./libc.ts";
import { type PathFacts, toFacts } from "./path-facts.ts";
import { readBounded } from "./read-bounded.ts";
import { digest, readEntries, type TreeEntry } from "./tree-entries.ts";

export interface Trees {
  /** The tree of that root, which nobody but us can exchange; held open until it is disposed of. */
  open(root: string): Tree;
}

/** Paths are relative to its root. One that a link stands in the way of is refused. */
export interface Tree extends Disposable {
  /** Facts of the path itself, or nothing where there is none, and behind a link. */
  probe(path: string): PathFacts | undefined;
  /** Where a link leads; nothing where there is none. */
  readLink(path: string): string | undefined;
  /** Throws a system error for what is no file, or larger. */
  readBytes(path: string, sizeMaxBytes: number): Uint8Array;
  /** Creates a file. */
  createFile(path: string, bytes: Uint8Array, mode: number): void;
  link(target: string, path: string): void;
  /** A file, or a link itself; nothing there is fine. */
  remove(path: string): void;
  /** Every file, for comparing two trees; see `tree-entries.ts`. */
  entries(): ReadonlyMap<string, TreeEntry>;
  /** What a file holds, in short: equal texts, equal contents. Nothing of a larger one. */
  digest(path: string, sizeMaxBytes: number): string | undefined;
}

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_NONBLOCK, O_NOFOLLOW, O_DIRECTORY } = fs.constants;
/** open(2): a descriptor that only names a file; opening it has no effect on a device or a FIFO. */
const O_PATH = 0o10000000;
const { ENOENT, ENOTDIR, ELOOP } = constants.errno;

export function openTrees(): Trees {
  return {
    open: (root) => {
      const fd = fs.openSync(root, O_PATH | O_DIRECTORY | O_NOFOLLOW);
      return { ...explained(openTree(fd, root)), [Symbol.dispose]: () => fs.closeSync(fd) };
    },
  };
}

function openTree(rootFd: number, root: string): Omit<Tree, typeof Symbol.dispose> {
  const nameOf = (path: string): string => `${root}/${path}`;
  const opened = <Result>(
    path: string,
    flags: number,
    use: (fd: number) => Result,
  ): Result | undefined => {
    let fd: number;
    try {
      fd = openBeneath(rootFd, path, O_PATH | flags);
    } catch (error) {
      const errno = error instanceof SystemCallError ? error.errno : 0;
      if (errno === ENOENT || errno === ENOTDIR) return undefined;
      throw errno === ELOOP ? new LinkInTheWay(nameOf(path)) : error;
    }
    try {
      return use(fd);
    } finally {
      fs.closeSync(fd);
    }
  };
  /** A descriptor of the path itself, also of a link; nothing where there is none. */
  const withEntry = <Result>(path: string, use: (fd: number) => Result): Result | undefined =>
    opened(path, O_NOFOLLOW, use);
  /** The path once more, by a descriptor of the directory that it is in: nobody can exchange that. */
  const withPlace = <Result>(path: string, use: (place: string) => Result): Result | undefined =>
    opened(posix.dirname(path), O_DIRECTORY, (fd) =>
      use(`${ofDescriptor(fd)}/${posix.basename(path)}`),
    );
  const inPlace = <Result>(path: string, use: (place: string) => Result): Result => {
    const done = withPlace(path, (place) => ({ value: use(place) }));
    if (done === undefined) throw new Error(`"${nameOf(path)}" has no directory to be in`);
    return done.value;
  };
  /** A file for reading, once that is what it is; nothing where there is none. */
  const withFile = <Result>(path: string, use: (fd: number) => Result): Result | undefined =>
    withEntry(path, (entry) => {
      if (!fs.fstatSync(entry).isFile()) throw noFile(nameOf(path));
      const fd = fs.openSync(ofDescriptor(entry), O_RDONLY | O_NONBLOCK);
      try {
        return use(fd);
      } finally {
        fs.closeSync(fd);
      }
    });
  return {
    probe: (path) => {
      try {
        return withEntry(path, (fd) => toFacts(fs.fstatSync(fd)));
      } catch (error) {
        if (error instanceof LinkInTheWay) return undefined;
        throw error;
      }
    },
    readLink: (path) => withPlace(path, readLink),
    readBytes: (path, sizeMaxBytes) => {
      const bytes = withFile(path, (fd) => readBounded(fd, nameOf(path), sizeMaxBytes));
      if (bytes === undefined) throw noFile(nameOf(path));
      return bytes;
    },
    createFile: (path, bytes, mode) =>
      inPlace(path, (place) => {
        const fd = fs.openSync(place, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
        try {
          fs.writeFileSync(fd, bytes);
          fs.fchmodSync(fd, mode);
        } finally {
          fs.closeSync(fd);
        }
      }),
    link: (target, path) => inPlace(path, (place) => fs.symlinkSync(target, place)),
    remove: (path) => {
      withPlace(path, (place) => fs.rmSync(place, { force: true }));
    },
    entries: () => readEntries(rootFd),
    digest: (path, sizeMaxBytes) => withFile(path, (fd) => digest(fd, sizeMaxBytes)),
  };
}

/** proc_pid_fd(5): what the descriptor names, and no path of it. */
const ofDescriptor = (fd: number): string => `/proc/self/fd/${fd}`;

function readLink(place: string): string | undefined {
  try {
    return fs.readlinkSync(place);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    // readlink(2): EINVAL for what is no link.
    if (code === "ENOENT" || code === "EINVAL") return undefined;
    throw error;
  }
}

const HINTS = [
  "What the image is made of, a package, a task or a person at work in it has put it there.",
];

class LinkInTheWay extends RunnerError {
  constructor(path: string) {
    super({
      kind: "system",
      message: `Cannot use "${escapeUntrusted(path)}": a link stands in the way, and could lead out.`,
      hints: HINTS,
    });
  }
}

const noFile = (path: string): RunnerError =>
  new RunnerError({
    kind: "system",
    message: `Cannot read "${escapeUntrusted(path)}": it is no file.`,
    hints: HINTS,
  });
