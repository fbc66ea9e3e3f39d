/** The `Files` of one process of a fake host: every change counts as an effect. */
import type { Fifos, LineFifo, LineRead, ReadBound } from "../../src/host/fifo.ts";
import type { Files } from "../../src/host/files.ts";
import type { PathFacts } from "../../src/host/path-facts.ts";
import { type Effects, Killed } from "./effects.ts";
import { type FakeDisk, type Fifo, type Node, posixError } from "./fake-disk.ts";
import type { LockOrder } from "./lock-order.ts";

interface FilesParts {
  readonly locks: LockTable;
  readonly effects: Effects;
  readonly order: LockOrder;
  /** Of files that are being written. */
  readonly randomName: (length: number) => string;
}

/** Who holds which lock: file → shared or exclusive holders. A removed file is another's lock no more. */
export type LockTable = Map<Node, { shared: number; exclusive: number }>;

export function openFakeFiles(
  disk: FakeDisk,
  { locks, effects, order, randomName }: FilesParts,
): Files {
  const { change } = effects;
  const textAt = (path: string): string => {
    const node = disk.need("open", path);
    if (node.kind !== "file") throw posixError("EISDIR", "read", path);
    return node.text;
  };
  const writeText: Files["writeText"] = (path, text, mode = 0o644) => {
    const draft = `${path}.${randomName(8)}.new`;
    try {
      change(`write ${draft}`, () => {
        disk.create("open", draft, { kind: "file", mode, text });
      });
      change(`rename ${draft} ${path}`, () => disk.move(draft, path, "replace"));
    } catch (error) {
      if (!(error instanceof Killed) && disk.look(draft, false) !== undefined) disk.remove(draft);
      throw error;
    }
  };
  return outsideOfTrees({
    probe: (path) => {
      // Below a file is nothing.
      const above = path.slice(0, path.lastIndexOf("/"));
      if (above !== "" && disk.look(above, true)?.kind === "file") return undefined;
      const node = disk.look(path, false);
      return node === undefined ? undefined : toFacts(node);
    },
    birthMark: (path) => {
      const node = disk.look(path, false);
      return node === undefined ? undefined : `born ${node.born}`;
    },
    isMountPoint: (path) => {
      const node = disk.look(path, false);
      const around = disk.look(path.slice(0, path.lastIndexOf("/")), true);
      return node?.volume.fileSystem !== around?.volume.fileSystem;
    },
    isReadOnly: (path) => disk.need("access", path, false).volume.readOnly,
    readMarks: (path) => {
      const node = disk.look(path, true);
      if (node === undefined) return "";
      const text = node.kind === "file" ? node.text : "";
      return `\0${node.kind} ${text.length} ${node.modifiedMs}\0`;
    },
    realPath: (path) => {
      disk.need("realpath", path);
      const resolve = (at: string): string => {
        const slash = at.lastIndexOf("/");
        if (slash < 0) return "";
        const above = resolve(at.slice(0, slash));
        const real = `${above}${at.slice(slash)}`;
        const node = disk.look(real, false);
        if (node?.kind !== "link") return real;
        return resolve(node.target.startsWith("/") ? node.target : `${above}/${node.target}`);
      };
      return resolve(path);
    },
    readText: (path, sizeMaxBytes = Number.POSITIVE_INFINITY) => {
      const text = textAt(path);
      if (text.length > sizeMaxBytes) {
        throw new Error(`"${path}" has ${text.length} bytes; the limit is ${sizeMaxBytes}`);
      }
      return text;
    },
    readBytes: (path) => Buffer.from(textAt(path)),
    append: (path, bytes) =>
      change(`append ${path}`, () => {
        // Switches of a machine's link come and go with it.
        if (path.startsWith("/proc/sys/net/ipv4/conf/")) return;
        const node = disk.look(path, true);
        const text = typeof bytes === "string" ? bytes : Buffer.from(bytes).toString();
        if (node?.kind === "file") node.text += text;
        else disk.create("open", path, { kind: "file", mode: 0o640, text });
      }),
    overwrite: (path, text) => {
      const node = disk.look(path, false);
      if (node?.kind !== "file") return false;
      change(`overwrite ${path}`, () => {
        node.text = text.padEnd(node.text.length);
      });
      return true;
    },
    readStart: (path, bytes) => textAt(path).slice(0, bytes),
    writeText,
    writeDurable: writeText,
    setModified: (path, timeMs) =>
      change(`touch ${path}`, () => {
        disk.need("utimensat", path, false).modifiedMs = timeMs;
      }),
    copy: (from, to, mode) =>
      change(`copy ${to}`, () => {
        disk.create("open", to, { kind: "file", mode, text: textAt(from) });
      }),
    list: (path) => [...disk.directoryAt("scandir", path).entries.keys()].sort(),
    ensureDirectory: (path, mode) =>
      change(`ensure ${path}`, () => disk.ensureDirectory(path, mode)),
    createDirectory: (path, mode) => {
      const make = (): void => void disk.create("mkdir", path, { kind: "directory", mode });
      if (effects.begin(`mkdir ${path}`) === "works") make();
      // Told as failed, it has not happened: the real one takes back what it has done.
      else throw new Error(`EIO: mkdir ${path} (ordered)`);
    },
    remove: (path) => change(`remove ${path}`, () => disk.remove(path)),
    renameNew: (from, to) => change(`rename ${from} ${to}`, () => disk.move(from, to, "new")),
    exchange: (one, other) =>
      change(`exchange ${one} ${other}`, () => disk.move(one, other, "exchange")),
    rename: (from, to) => change(`rename ${from} ${to}`, () => disk.move(from, to, "replace")),
    link: (target, path) =>
      change(`link ${path}`, () => {
        disk.create("symlink", path, { kind: "link", target });
      }),
    linkNew: (target, path) => {
      if (disk.look(path, false) !== undefined) return false;
      change(`link ${path}`, () => void disk.create("symlink", path, { kind: "link", target }));
      return true;
    },
    readLink: (path) => {
      const node = disk.look(path, false);
      return node?.kind === "link" ? node.target : undefined;
    },
    makeFifo: (path, { mode, ownerId }) =>
      change(`mkfifo ${path}`, () => {
        disk.create("mkfifo", path, { kind: "fifo", mode }).uid = ownerId;
      }),
    setOwner: (path, ownerId) =>
      change(`chown ${path}`, () => {
        disk.need("lchown", path, false).uid = ownerId;
      }),
    setMode: (path, mode) =>
      change(`chmod ${path}`, () => {
        disk.need("chmod", path).mode = mode;
      }),
    probeFileSystem: (path) => disk.need("statfs", path).volume.fileSystem,
    probeReflink: (directory) => {
      change(`probe ${directory}`, () => {});
      return disk.directoryAt("open", directory).volume.fileSystem.reflinks;
    },
    lock: (path, options) => {
      change(`lock ${path}`, () => {
        if (disk.look(path, true) === undefined) {
          disk.create("open", path, { kind: "file", mode: 0o600, text: "" });
        }
      });
      // Of a process that ends, whyever, the kernel keeps no lock.
      const lock = takeLock(locks, disk.need("flock", path), options);
      if (lock === undefined) return undefined;
      const letGo = order.took(path);
      return {
        [Symbol.dispose]: () => {
          letGo();
          lock[Symbol.dispose]();
        },
      };
    },
  });
}

/** Where root file systems lie: clones, drafts, generations, and images with packages. */
const IN_A_TREE =
  /\/(\.machines\/[^/]+\/root|\.drafts\/[^/]+\/root|[^/]+\.v\/[^/]+_[^/.]+|\.packages\/[^/.]+)\/./;

/** What the real ones do not refuse, and nobody may ask of them: `host.trees` alone looks into a tree. */
function outsideOfTrees(files: Files): Files {
  return new Proxy(files, {
    get: (target, key) => {
      const member: unknown = Reflect.get(target, key);
      if (typeof member !== "function") return member;
      return (...values: unknown[]): unknown => {
        const paths = values.filter((value) => typeof value === "string" && value.startsWith("/"));
        const wrong = paths.find((path) => IN_A_TREE.test(String(path)));
        if (wrong !== undefined) throw new Error(`host.files was asked for "${wrong}", in a tree`);
        return Reflect.apply(member, target, values);
      };
    },
  });
}

/** Its release is no effect: the kernel does it, also when the process is killed. */
function takeLock(
  locks: LockTable,
  file: Node,
  { mode }: { readonly mode: "shared" | "exclusive" },
): Disposable | undefined {
  const held = locks.get(file) ?? { shared: 0, exclusive: 0 };
  locks.set(file, held);
  if (held.exclusive > 0 || (mode === "exclusive" && held.shared > 0)) {
    return undefined;
  }
  held[mode] += 1;
  let holds = true;
  return {
    [Symbol.dispose]: () => {
      if (holds) held[mode] -= 1;
      holds = false;
    },
  };
}

export function toFacts(node: Node): PathFacts {
  return {
    kind: node.kind === "fifo" ? "other" : node.kind,
    inode: node.inode,
    device: node.volume.device,
    uid: node.uid,
    mode: node.mode,
    sizeBytes: node.kind === "file" ? node.text.length : 0,
    modifiedMs: node.modifiedMs,
  };
}

/** FIFOs whose other side answers at once or never: what is not there will not come. */
/** Of the event loop: more than any command of the fake host takes. */
const TURNS = 200;

export function openFakeFifos(disk: FakeDisk): Fifos {
  const fifoAt = (path: string): Fifo => {
    const node = disk.need("open", path, false);
    if (node.kind !== "fifo") throw posixError("EINVAL", "open", path);
    return node;
  };
  const openLines = (path: string): LineFifo => {
    const fifo = fifoAt(path);
    fifo.readers += 1;
    const read = async ({ timeoutMs, signal }: ReadBound = {}): Promise<LineRead> => {
      // What others do at the same time may write to it, until they all wait for something else.
      for (let turn = 0; turn < TURNS && fifo.lines.length === 0; turn += 1) {
        if (timeoutMs === undefined || signal?.aborted) break;
        await new Promise((resolve) => setImmediate(resolve));
      }
      const text = fifo.lines.shift();
      return text === undefined ? { kind: "closed" } : { kind: "line", text };
    };
    return {
      read,
      readLine: async (timeoutMs, signal) => {
        const found = await read({ timeoutMs, signal });
        return found.kind === "line" ? found.text : undefined;
      },
      [Symbol.asyncDispose]: async () => {
        fifo.readers -= 1;
      },
    };
  };
  return {
    openLines,
    openAnswers: (path) => ({ ...openLines(path), letGo: () => {} }),
    openOutput: (path) => {
      const fifo = fifoAt(path);
      let to: (bytes: Uint8Array) => Promise<void> = async () => {};
      return {
        pump: (write) => {
          to = write;
        },
        finish: async () => {
          for (const text of fifo.lines.splice(0)) await to(Buffer.from(text));
        },
        [Symbol.asyncDispose]: async () => {},
      };
    },
    hold: (path) => {
      fifoAt(path);
      return { [Symbol.dispose]: () => {} };
    },
    writeLine: (path, line) => {
      const node = disk.look(path, false);
      if (node?.kind !== "fifo") return "nobody";
      if (node.onLine !== undefined) node.onLine(line);
      else if (node.readers > 0) node.lines.push(line);
      else return "nobody";
      return "written";
    },
    isRead: (path) => {
      const node = disk.look(path, false);
      return node?.kind === "fifo" && (node.onLine !== undefined || node.readers > 0);
    },
  };
}
