/**
 * File systems in memory: directories, files, links, FIFOs, subvolumes and mounts, with the errors of
 * the real ones. Shared by all processes of a fake host; who may fail when is `effects.ts`.
 */

import type { FileSystemFacts } from "../../src/host/host.ts";

export interface FileSystem extends FileSystemFacts {
  readonly reflinks: boolean;
  /** What limits it keeps; none when absent. */
  readonly quotas?: "simple" | "projects";
}

/** What rename(2) does not cross, and what a device number stands for: a mount or a subvolume. */
interface Volume {
  device: number;
  readonly fileSystem: FileSystem;
  nextInode: number;
  /** Inodes of what was removed, the next ones to be given: as ext4 does it, and btrfs never. */
  readonly freed: number[];
  /** As `btrfs property set … ro true` makes it. */
  readOnly: boolean;
}

interface Facts {
  readonly volume: Volume;
  readonly inode: number;
  /** Which of all that were ever made. */
  readonly born: number;
  uid: number;
  mode: number;
  modifiedMs: number;
}

export interface Directory extends Facts {
  readonly kind: "directory";
  readonly entries: Map<string, Node>;
}
interface TextFile extends Facts {
  readonly kind: "file";
  text: string;
}
interface Link extends Facts {
  readonly kind: "link";
  readonly target: string;
}
export interface Fifo extends Facts {
  readonly kind: "fifo";
  readonly lines: string[];
  readers: number;
  /** The other side, when it is a machine that answers at once. */
  onLine: ((line: string) => void) | undefined;
}
export type Node = Directory | TextFile | Link | Fifo;

type NewNode =
  | { readonly kind: "directory"; readonly mode: number }
  | { readonly kind: "file"; readonly mode: number; readonly text: string }
  | { readonly kind: "link"; readonly target: string }
  | { readonly kind: "fifo"; readonly mode: number };

/** The root of a subvolume has this inode number, and no other directory has it. */
export const SUBVOLUME_INODE = 256;
const HALF_FREE = { sizeBytes: 2e10, freeBytes: 1e10, inodes: 2e6, freeInodes: 1e6 };
const NOTHING_FREE = { sizeBytes: 0, freeBytes: 0, inodes: 0, freeInodes: 0 };
export const BTRFS: FileSystem = { ...HALF_FREE, magic: 0x9123683e, reflinks: true };
export const XFS: FileSystem = { ...HALF_FREE, magic: 0x58465342, reflinks: true };
export const EXT4: FileSystem = { ...HALF_FREE, magic: 0xef53, reflinks: false };
export const FAT: FileSystem = { ...HALF_FREE, magic: 19780, reflinks: false };
export const CGROUP2: FileSystem = { ...NOTHING_FREE, magic: 0x63677270, reflinks: false };

export type FakeDisk = ReturnType<typeof openDisk>;

export function openDisk(nowMs: () => number) {
  let nextDevice = 40;
  let births = 0;
  const volumes: Volume[] = [];
  const newVolume = (fileSystem: FileSystem): Volume => {
    nextDevice += 1;
    const numbers = { device: nextDevice, nextInode: SUBVOLUME_INODE + 1, freed: [] };
    const volume: Volume = { ...numbers, fileSystem, readOnly: false };
    volumes.push(volume);
    return volume;
  };
  const newDirectory = (volume: Volume, mode: number, inode?: number): Directory => ({
    kind: "directory",
    entries: new Map(),
    ...newFacts(volume, mode, inode),
  });
  const newFacts = (volume: Volume, mode: number, inode?: number): Facts => {
    births += 1;
    const facts = { volume, born: births, uid: 0, mode, modifiedMs: nowMs() };
    if (inode !== undefined) return { ...facts, inode };
    const reused = volume.fileSystem.magic === BTRFS.magic ? undefined : volume.freed.pop();
    if (reused === undefined) volume.nextInode += 1;
    return { ...facts, inode: reused ?? volume.nextInode };
  };
  const root = newDirectory(newVolume(EXT4), 0o755);

  /** The node at a path, links on the way followed; the last one only when asked. */
  const look = (path: string, follow: boolean, hops = 0): Node | undefined => {
    if (hops > 40) throw posixError("ELOOP", "open", path);
    let node: Node = root;
    const parts = split(path);
    for (const [index, part] of parts.entries()) {
      if (node.kind !== "directory") throw posixError("ENOTDIR", "open", path);
      const next: Node | undefined = node.entries.get(part);
      if (next === undefined) return undefined;
      const last = index === parts.length - 1;
      if (next.kind === "link" && (!last || follow)) {
        const place = `/${parts.slice(0, index).join("/")}`;
        const target = next.target.startsWith("/") ? next.target : `${place}/${next.target}`;
        return look([target, ...parts.slice(index + 1)].join("/"), follow, hops + 1);
      }
      node = next;
    }
    return node;
  };
  const need = (call: string, path: string, follow = true): Node => {
    const node = look(path, follow);
    if (node === undefined) throw posixError("ENOENT", call, path);
    return node;
  };
  const directoryAt = (call: string, path: string): Directory => {
    const node = need(call, path);
    if (node.kind !== "directory") throw posixError("ENOTDIR", call, path);
    return node;
  };
  const writableParent = (call: string, path: string): Directory => {
    const parent = directoryAt(call, parentOf(path));
    if (parent.volume.readOnly) throw posixError("EROFS", call, path);
    return parent;
  };
  const enter = (call: string, path: string, make: (parent: Directory) => Node): Node => {
    const parent = writableParent(call, path);
    if (parent.entries.has(nameOf(path))) throw posixError("EEXIST", call, path);
    const node = make(parent);
    parent.entries.set(nameOf(path), node);
    parent.modifiedMs = nowMs();
    return node;
  };
  const leave = (path: string): void => {
    const parent = writableParent("unlink", path);
    const node = parent.entries.get(nameOf(path));
    if (node !== undefined) node.volume.freed.push(node.inode);
    parent.entries.delete(nameOf(path));
    parent.modifiedMs = nowMs();
  };

  const create = (call: string, path: string, facts: NewNode): Node =>
    enter(call, path, ({ volume }) => {
      switch (facts.kind) {
        case "directory":
          return newDirectory(volume, facts.mode);
        case "file":
          return { kind: "file", text: facts.text, ...newFacts(volume, facts.mode) };
        case "link":
          return { kind: "link", target: facts.target, ...newFacts(volume, 0o777) };
        case "fifo":
          return { ...newFifo(), ...newFacts(volume, facts.mode) };
      }
    });

  /** A subvolume of its own device, in a directory that is on btrfs. */
  const createSubvolume = (path: string): Directory => {
    const { volume } = directoryAt("ioctl", parentOf(path));
    if (volume.fileSystem.magic !== BTRFS.magic) throw posixError("ENOTTY", "ioctl", path);
    const subvolume = newDirectory(newVolume(volume.fileSystem), 0o755, SUBVOLUME_INODE);
    enter("ioctl", path, () => subvolume);
    return subvolume;
  };

  /** Owner, mode, time and all below are the source's; a nested subvolume becomes a directory. */
  const copyInto = (source: Directory, target: Directory, count = source.entries.size): void => {
    for (const [name, node] of [...source.entries].slice(0, count)) {
      const { volume } = target;
      const facts = { ...newFacts(volume, node.mode), uid: node.uid, modifiedMs: node.modifiedMs };
      if (node.kind === "directory") {
        const copy: Directory = { kind: "directory", entries: new Map(), ...facts };
        target.entries.set(name, copy);
        copyInto(node, copy);
      } else if (node.kind === "fifo") target.entries.set(name, { ...newFifo(), ...facts });
      else target.entries.set(name, { ...node, ...facts });
    }
  };

  /** rm(1) -r: nothing there is fine, and an empty subvolume goes like a directory. */
  const remove = (path: string): void => {
    const node = look(path, false);
    if (node === undefined) return;
    if (node.kind === "directory") {
      for (const name of [...node.entries.keys()]) remove(`${path}/${name}`);
    }
    leave(path);
  };

  const requireMovable = (node: Node, to: Directory, path: string): void => {
    const whole = node.kind === "directory" && node.inode === SUBVOLUME_INODE;
    const sameDisk = node.volume.fileSystem === to.volume.fileSystem;
    if (!(node.volume === to.volume || (whole && sameDisk))) {
      throw posixError("EXDEV", "rename", path);
    }
  };

  const move = (from: string, to: string, how: "new" | "replace" | "exchange"): void => {
    const [fromParent, toParent] = [writableParent("rename", from), writableParent("rename", to)];
    const node = need("rename", from, false);
    const there = toParent.entries.get(nameOf(to));
    requireMovable(node, toParent, to);
    if (how === "new" && there !== undefined) throw posixError("EEXIST", "rename", to);
    if (how === "exchange") {
      if (there === undefined) throw posixError("ENOENT", "rename", to);
      requireMovable(there, fromParent, from);
      fromParent.entries.set(nameOf(from), there);
    } else {
      if (there?.kind === "directory" && there.entries.size > 0) {
        throw posixError("ENOTEMPTY", "rename", to);
      }
      fromParent.entries.delete(nameOf(from));
    }
    toParent.entries.set(nameOf(to), node);
    for (const parent of [fromParent, toParent]) parent.modifiedMs = nowMs();
  };

  /** Makes directories up to `path`, and mounts a file system there. */
  const mount = (path: string, fileSystem: FileSystem): void => {
    ensureDirectory(path, 0o755);
    const inode = fileSystem.magic === BTRFS.magic ? SUBVOLUME_INODE : undefined;
    const parent = directoryAt("mount", parentOf(path));
    parent.entries.set(nameOf(path), newDirectory(newVolume({ ...fileSystem }), 0o755, inode));
  };

  const ensureDirectory = (path: string, mode: number): void => {
    const parts = split(path);
    for (let count = 1; count <= parts.length; count += 1) {
      const place = `/${parts.slice(0, count).join("/")}`;
      const node = look(place, true);
      if (node === undefined) create("mkdir", place, { kind: "directory", mode });
      else if (node.kind !== "directory") throw posixError("EEXIST", "mkdir", place);
    }
  };

  /** As after a reboot in which somebody else looked at the file systems first. */
  const remount = (): void => {
    const devices = volumes.map((volume) => volume.device);
    for (const volume of volumes) volume.device = devices.pop() ?? volume.device;
  };

  /** Every path below one, with what can be seen of it: to compare two states as text. */
  const describe = (path: string): string[] => {
    const node = look(path, false);
    if (node === undefined) return [];
    const facts = `${path} ${node.kind} ${node.mode.toString(8)} ${node.uid}`;
    switch (node.kind) {
      case "directory":
        return [facts, ...[...node.entries.keys()].sort().flatMap((e) => describe(`${path}/${e}`))];
      case "file":
        return [`${facts} ${JSON.stringify(node.text)}`];
      case "link":
        return [`${facts} -> ${node.target}`];
      case "fifo":
        return [facts];
    }
  };

  return {
    ...{ look, need, directoryAt, create, createSubvolume, copyInto, remove, leave, move, mount },
    ...{ ensureDirectory, describe, remount },
  };
}

const newFifo = () => ({ kind: "fifo" as const, lines: [], readers: 0, onLine: undefined });

const split = (path: string): string[] => path.split("/").filter((part) => part !== "");
const nameOf = (path: string): string => split(path).at(-1) ?? "";
const parentOf = (path: string): string => `/${split(path).slice(0, -1).join("/")}`;

/** As Node's `fs` throws them. */
export function posixError(code: string, call: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${call} '${path}'`), { code });
}
