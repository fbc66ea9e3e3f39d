/**
 * Which tree a tree is, for as long as it exists: a random name that it keeps over renames, mounts and
 * reboots, and that no other is ever given. Ours have it from when they are made, in their manifest. A
 * directory that came by hand is given one at first sight, in a record of ours which also says what
 * the file system itself tells the directory by (`birthMark`): a directory of another mark is another,
 * and one of that mark is the same, also where a person has given it another name.
 * See docs/decisions/0010-a-tree-has-a-name-of-its-own.md.
 */
import * as v from "valibot";
import type { Host } from "../host/host.ts";
import { WAITS } from "../host/waits.ts";
import { formatRecord, type RecordHost, type RecordKind, readRecord } from "../record/record.ts";
import { RunnerError } from "../text/errors.ts";
import { isTreeId, type TreeId } from "../text/names.ts";
import { readManifest, requireManifest } from "./generations/manifest.ts";
import { listTrees } from "./tree-places.ts";

export interface TreePlace {
  readonly rootDirectory: string;
  readonly tree: string;
}

interface TreeRecord {
  readonly mark: string;
  /** The tree's path in the root directory, when it was given its name. */
  readonly place: string;
}

export const TREE_RECORD: RecordKind<TreeRecord> = {
  what: "the name of a tree that came by hand",
  format: 1,
  schemas: { 1: v.object({ mark: v.string(), place: v.string() }) },
};

const ID_LENGTH = 20;

export const newTreeId = (host: Pick<Host, "randomName">): TreeId =>
  host.randomName(ID_LENGTH) as TreeId; // its grammar is random names'

const recordsDirectory = (rootDirectory: string): string => `${rootDirectory}/.trees`;
const SUFFIX = ".json";

const recordPath = (rootDirectory: string, id: TreeId): string =>
  `${recordsDirectory(rootDirectory)}/${id}${SUFFIX}`;

/**
 * Looks, changes nothing. Nothing for a tree that is not there, that no command which may write has
 * seen yet, or whose manifest or record cannot be read.
 */
export function readTreeId(host: RecordHost, place: TreePlace): TreeId | undefined {
  if (host.files.probe(place.tree)?.kind !== "directory") return undefined;
  const manifest = readManifest(host, place.tree);
  if (manifest.kind === "read") return manifest.value.id;
  if (manifest.kind === "unreadable") return undefined;
  return findByMark(host, place);
}

function findByMark(host: RecordHost, { rootDirectory, tree }: TreePlace): TreeId | undefined {
  const mark = host.files.birthMark(tree);
  // Of a tree that is being removed, after it was seen.
  if (mark === undefined) return undefined;
  const place = tree.slice(rootDirectory.length + 1);
  const same = listRecords(host, rootDirectory).filter(({ record }) => record?.mark === mark);
  const here = same.find(({ record }) => record?.place === place);
  if (here !== undefined) return here.id;
  // Renamed. A mount cannot be, and the roots of file systems of one type all have the same mark.
  if (host.files.isMountPoint(tree)) return undefined;
  return same.find(({ record }) => !isAt(host, `${rootDirectory}/${record?.place}`, mark))?.id;
}

const isAt = ({ files }: RecordHost, tree: string, mark: string): boolean =>
  files.probe(tree)?.kind === "directory" && files.birthMark(tree) === mark;

/** The same, and gives a name to a tree that has none. Throws when it cannot be known. */
export async function ensureTreeId(
  host: RecordHost & Pick<Host, "locks" | "randomName">,
  place: TreePlace,
): Promise<TreeId> {
  const known = readTreeId(host, place);
  if (known !== undefined) return known;
  requireManifest(host, place.tree);
  using _lock = await lockRecords(host, place.rootDirectory);
  const meanwhile = readTreeId(host, place);
  if (meanwhile !== undefined) return meanwhile;
  const id = newTreeId(host);
  const mark = host.files.birthMark(place.tree);
  if (mark === undefined) {
    throw new RunnerError({ kind: "system", message: `"${place.tree}" was removed meanwhile.` });
  }
  const record = {
    mark,
    place: place.tree.slice(place.rootDirectory.length + 1),
  };
  const text = formatRecord(TREE_RECORD, record);
  host.files.writeDurable(recordPath(place.rootDirectory, id), text, 0o644);
  return id;
}

/** Whether nobody can say any more which tree has that name. */
export function isNameLost(host: RecordHost, rootDirectory: string, id: TreeId): boolean {
  const read = readRecord(host, recordPath(rootDirectory, id), TREE_RECORD);
  return read.kind === "unreadable" || (read.kind === "absent" && read.torn);
}

interface FoundRecord {
  readonly path: string;
  readonly id: TreeId;
  /** Nothing for one that is empty or cut off. */
  readonly record: TreeRecord | undefined;
}

/** Less those that cannot be read, which was told: they are not ours to judge. */
function listRecords(host: RecordHost, rootDirectory: string): FoundRecord[] {
  const directory = recordsDirectory(rootDirectory);
  if (host.files.probe(directory) === undefined) return [];
  return host.files.list(directory).flatMap((entry) => {
    const id = entry.endsWith(SUFFIX) ? entry.slice(0, -SUFFIX.length) : undefined;
    if (!isTreeId(id)) return [];
    const path = `${directory}/${entry}`;
    const read = readRecord(host, path, TREE_RECORD);
    if (read.kind === "unreadable") return [];
    return { path, id, record: read.kind === "read" ? read.value : undefined };
  });
}

/**
 * Files of records whose trees are gone, and of those that say nothing unless a machine was cloned
 * from a tree of that name. Looks only.
 */
export function findStaleRecords(
  host: RecordHost,
  rootDirectory: string,
  used: ReadonlySet<TreeId>,
): string[] {
  const records = listRecords(host, rootDirectory);
  const cutOff = findHalfWritten(host, rootDirectory);
  if (records.length === 0) return cutOff;
  const marks = new Set(listTrees(host, rootDirectory).map((tree) => host.files.birthMark(tree)));
  const stale = records.filter(({ id, record }) =>
    record === undefined ? !used.has(id) : !marks.has(record.mark),
  );
  return [...stale.map(({ path }) => path), ...cutOff];
}

/** Of a writer that was killed, or is at it: who removes it has the lock. */
function findHalfWritten({ files }: RecordHost, rootDirectory: string): string[] {
  const directory = recordsDirectory(rootDirectory);
  if (files.probe(directory) === undefined) return [];
  const paths = files.list(directory).filter((entry) => entry.endsWith(".new"));
  return paths.map((entry) => `${directory}/${entry}`);
}

export async function dropStaleRecords(
  host: RecordHost & Pick<Host, "locks">,
  rootDirectory: string,
  findUsed: () => ReadonlySet<TreeId>,
): Promise<void> {
  using _lock = await lockRecords(host, rootDirectory);
  for (const path of findStaleRecords(host, rootDirectory, findUsed())) host.files.remove(path);
}

const LOCK = ".lock";

/** Held for one look and one small file. */
async function lockRecords(
  host: Pick<Host, "files" | "locks">,
  rootDirectory: string,
): Promise<Disposable> {
  const directory = recordsDirectory(rootDirectory);
  const path = `${directory}/${LOCK}`;
  // For everybody to read, as manifests are: `chroot-list` works for ordinary users.
  host.files.ensureDirectory(directory, 0o755);
  return host.locks.wait({
    path,
    what: "the names of trees that came by hand",
    wait: WAITS.treeLock,
    take: () => host.files.lock(path, { mode: "exclusive" }),
  });
}
