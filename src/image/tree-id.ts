/**
 * Which tree a tree is, for as long as it exists: a random name that it keeps over renames, mounts and
 * reboots, and that no other is ever given. Ours have it from when they are made, in their manifest. A
 * directory that came by hand is given one at first sight, in a record of ours which also says what
 * the file system itself tells the directory by (`birthMark`): a directory of another mark is another.
 * See docs/decisions/0010-a-tree-has-a-name-of-its-own.md.
 */
import * as v from "valibot";
import type { Host } from "../host/host.ts";
import { WAITS } from "../host/waits.ts";
import {
  formatRecord,
  type RecordHost,
  type RecordKind,
  readRecord,
  readValue,
} from "../record/record.ts";
import { isTreeId, type TreeId } from "../text/names.ts";
import { readManifest, requireManifest } from "./generations/manifest.ts";

export interface TreePlace {
  readonly rootDirectory: string;
  readonly tree: string;
}

interface TreeRecord {
  readonly id: TreeId;
  readonly mark: string;
}

export const TREE_RECORD: RecordKind<TreeRecord> = {
  what: "the name of a tree that came by hand",
  format: 1,
  schemas: { 1: v.object({ id: v.custom<TreeId>(isTreeId), mark: v.string() }) },
};

const ID_LENGTH = 20;

export const newTreeId = (host: Pick<Host, "randomName">): TreeId =>
  host.randomName(ID_LENGTH) as TreeId; // its grammar is random names'

const recordsDirectory = (rootDirectory: string): string => `${rootDirectory}/.trees`;
const SUFFIX = ".json";

/** Named after the tree's own path in the root directory; no name of an image has a "~". */
function recordPath({ rootDirectory, tree }: TreePlace): string {
  const place = tree.slice(rootDirectory.length + 1).replaceAll("/", "~");
  return `${recordsDirectory(rootDirectory)}/${place}${SUFFIX}`;
}

/**
 * Looks, changes nothing. Nothing for a tree that is not there, that no command which may write has
 * seen yet, or whose manifest cannot be read.
 */
export function readTreeId(host: RecordHost, place: TreePlace): TreeId | undefined {
  if (host.files.probe(place.tree)?.kind !== "directory") return undefined;
  const manifest = readManifest(host, place.tree);
  if (manifest.kind === "read") return manifest.value.id;
  if (manifest.kind === "unreadable") return undefined;
  const record = readValue(readRecord(host, recordPath(place), TREE_RECORD));
  return record?.mark === host.files.birthMark(place.tree) ? record?.id : undefined;
}

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
  const record = { id, mark: host.files.birthMark(place.tree) };
  host.files.writeDurable(recordPath(place), formatRecord(TREE_RECORD, record), 0o644);
  return id;
}

/** Files of records whose trees are gone, or that others have taken the place of. Looks only. */
export function findStaleRecords(host: RecordHost, rootDirectory: string): string[] {
  const directory = recordsDirectory(rootDirectory);
  if (host.files.probe(directory) === undefined) return [];
  const isStale = (entry: string): boolean => {
    if (entry === LOCK) return false;
    const place = entry.endsWith(SUFFIX) ? entry.slice(0, -SUFFIX.length) : undefined;
    const tree = place && `${rootDirectory}/${place.replaceAll("~", "/")}`;
    // The rest is of a writer that was killed, or is at it: who removes it has the lock.
    return tree === undefined || readTreeId(host, { rootDirectory, tree }) === undefined;
  };
  const entries = host.files.list(directory).filter(isStale);
  return entries.map((entry) => `${directory}/${entry}`);
}

export async function dropStaleRecords(
  host: RecordHost & Pick<Host, "locks">,
  rootDirectory: string,
): Promise<void> {
  using _lock = await lockRecords(host, rootDirectory);
  for (const path of findStaleRecords(host, rootDirectory)) host.files.remove(path);
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
