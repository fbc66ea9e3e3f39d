/** The commands of a fake host that work on files, with their effects on its disk. */
import { BTRFS, type Directory, type FakeDisk, posixError, SUBVOLUME_INODE } from "./fake-disk.ts";

export interface Answer {
  readonly exitCode: number;
  readonly stdout?: string;
  readonly stderr?: string;
}

export interface Call {
  readonly argv: readonly string[];
  /** It is to fail; what copies has done half of it by then. */
  readonly refused: boolean;
}

/** From the first words of a command to what it does. The first that fits is taken. */
export type CommandTable = readonly (readonly [
  prefix: readonly string[],
  run: (call: Call) => Answer | Promise<Answer>,
])[];

const DONE: Answer = { exitCode: 0 };
export const REFUSED: Answer = { exitCode: 1, stderr: "ordered to fail" };

/** What a command that failed by itself says: the error's text on stderr. */
export const failing =
  (run: (call: Call) => Answer | undefined) =>
  (call: Call): Answer => {
    try {
      return run(call) ?? DONE;
    } catch (error) {
      return { exitCode: 1, stderr: String(error) };
    }
  };

/** A command that does all of its work or, when refused, none. */
export const whole = (run: (argv: readonly string[]) => Answer | undefined) =>
  failing((call) => (call.refused ? REFUSED : run(call.argv)));

export function fileCommands(disk: FakeDisk): CommandTable {
  return [
    [["cp", "-a"], failing((call) => copyTree(disk, call))],
    [["btrfs", "subvolume", "create"], whole((argv) => void disk.createSubvolume(last(argv)))],
    [["btrfs", "subvolume", "snapshot"], whole((argv) => snapshot(disk, argv))],
    [
      ["btrfs", "--quiet", "subvolume", "delete"],
      whole((argv) => deleteSubvolume(disk, last(argv))),
    ],
    [["rm", "-rf", "--one-file-system"], failing((call) => removeTrees(disk, call))],
    [["btrfs", "property", "set"], whole((argv) => setReadOnly(disk, argv))],
    [["find"], whole((argv) => find(disk, argv))],
    [["du"], whole((argv) => ({ exitCode: 0, stdout: `4096\t${last(argv)}\n` }))],
    [["sync"], whole(() => undefined)],
    [["mmdebstrap"], failing((call) => debootstrap(disk, call))],
  ];
}

const last = (argv: readonly string[]): string => argv.at(-1) ?? "";

/** `cp -a [--reflink=…] SOURCE TARGET`, where `SOURCE/.` goes into a TARGET that is there. */
function copyTree(disk: FakeDisk, { argv, refused }: Call): Answer | undefined {
  const [from = "", to = ""] = argv.slice(-2);
  const into = from.endsWith("/.");
  const source = disk.directoryAt("cp", into ? from.slice(0, -2) : from);
  if (!into) disk.create("mkdir", to, { kind: "directory", mode: source.mode });
  const target = disk.directoryAt("cp", to);
  requireReflinks(argv, target);
  disk.copyInto(source, target, refused ? Math.floor(source.entries.size / 2) : undefined);
  if (refused) return REFUSED;
  [target.uid, target.mode, target.modifiedMs] = [source.uid, source.mode, source.modifiedMs];
  return undefined;
}

function requireReflinks(argv: readonly string[], target: Directory): void {
  const asked = argv.includes("--reflink=always");
  if (asked && !target.volume.fileSystem.reflinks) throw posixError("EOPNOTSUPP", "clone", "");
}

function subvolumeAt(disk: FakeDisk, path: string): Directory {
  const node = disk.need("ioctl", path, false);
  if (node.kind === "directory" && node.inode === SUBVOLUME_INODE) return node;
  throw posixError("EINVAL", "ioctl", path);
}

function snapshot(disk: FakeDisk, argv: readonly string[]): undefined {
  const [from = "", to = ""] = argv.slice(-2);
  const source = subvolumeAt(disk, from);
  const target = disk.createSubvolume(to);
  disk.copyInto(source, target);
  [target.uid, target.mode] = [source.uid, source.mode];
}

/** The real one refuses with ENOTEMPTY while there are subvolumes inside. */
function deleteSubvolume(disk: FakeDisk, path: string): undefined {
  const tree = subvolumeAt(disk, path);
  if (nested(tree, path).length > 1) throw posixError("ENOTEMPTY", "ioctl", path);
  const refuge = tree.volume.readOnly;
  tree.volume.readOnly = false;
  try {
    disk.remove(path);
  } finally {
    tree.volume.readOnly = refuge;
  }
}

function setReadOnly(disk: FakeDisk, argv: readonly string[]): undefined {
  const [path = "", , value] = argv.slice(-3);
  subvolumeAt(disk, path).volume.readOnly = value === "true";
}

/** What it cannot remove stays, with all that leads there. Refused, it has removed a half. */
function removeTrees(disk: FakeDisk, { argv, refused }: Call): Answer | undefined {
  for (const path of argv.slice(argv.indexOf("--") + 1)) {
    const node = disk.look(path, false);
    if (node?.kind !== "directory") disk.remove(path);
    else removeWithin(disk, path, { node, device: node.volume.device, half: refused });
  }
  const left = argv.slice(4).some((path) => disk.look(path, false) !== undefined);
  return left ? { exitCode: 1, stderr: "rm: not all of it" } : undefined;
}

function removeWithin(
  disk: FakeDisk,
  path: string,
  place: { readonly node: Directory; readonly device: number; readonly half: boolean },
): void {
  const { node, device, half } = place;
  const names = [...node.entries.keys()];
  for (const name of half ? names.slice(0, names.length / 2) : names) {
    const below = node.entries.get(name);
    if (below?.kind !== "directory") disk.leave(`${path}/${name}`);
    else if (below.volume.device === device) {
      removeWithin(disk, `${path}/${name}`, { ...place, node: below });
    }
  }
  if (node.entries.size === 0) disk.leave(path);
}

/** The four ways in which trees are searched: see `src/storage/delete-tree.ts`. */
function find(disk: FakeDisk, argv: readonly string[]): undefined {
  const places = argv.slice(
    1,
    argv.findIndex((word) => /^[-(]/.test(word)),
  );
  const found = places.flatMap((place) => {
    const node = disk.look(place, false);
    return node?.kind === "directory" ? nested(node, place) : [];
  });
  if (argv.includes("chattr")) return;
  if (argv.includes("property")) {
    for (const path of found.toReversed()) disk.directoryAt("find", path).volume.readOnly = false;
  } else if (argv.includes("-execdir")) {
    const place = argv.at(-3) ?? "";
    for (const [index, path] of found.entries()) {
      const room = `${place}/${index}`;
      disk.ensureDirectory(room, 0o700);
      disk.move(path, `${room}/${path.slice(path.lastIndexOf("/") + 1)}`, "new");
    }
  } else for (const path of found) deleteSubvolume(disk, path);
}

function nested(node: Directory, path: string): string[] {
  const below = [...node.entries].flatMap(([name, entry]) =>
    entry.kind === "directory" ? nested(entry, `${path}/${name}`) : [],
  );
  const isOne = node.inode === SUBVOLUME_INODE && node.volume.fileSystem.magic === BTRFS.magic;
  return isOne ? [...below, path] : below;
}

/** A whole system in a few files: what the project looks for in a tree. */
export function makeSystem(disk: FakeDisk, tree: string): void {
  for (const path of ["bin", "etc", "usr/lib/systemd", "usr/bin"]) {
    disk.ensureDirectory(`${tree}/${path}`, 0o755);
  }
  const file = (path: string, text: string, mode = 0o644): void => {
    disk.create("open", `${tree}/${path}`, { kind: "file", mode, text });
  };
  file("bin/sh", "shell", 0o755);
  file("usr/bin/bash", "shell", 0o755);
  file("usr/lib/systemd/systemd", "init", 0o755);
  file("etc/os-release", "ID=debian\n");
}

function debootstrap(disk: FakeDisk, { argv, refused }: Call): Answer | undefined {
  const tree = last(argv);
  disk.directoryAt("mmdebstrap", tree);
  if (refused) disk.create("open", `${tree}/half`, { kind: "file", mode: 0o644, text: "" });
  else makeSystem(disk, tree);
  return refused ? REFUSED : undefined;
}
