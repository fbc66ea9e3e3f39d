/** What changed from one generation to another: packages and files. */
import type { Host } from "../../host/host.ts";
import type { Generation } from "./generations.ts";

export interface Change {
  readonly kind: "added" | "removed" | "changed";
  readonly name: string;
  /** Of a package: its versions. Nothing of a file. */
  readonly from?: string;
  readonly to?: string;
}

export interface GenerationDiff {
  readonly packages: readonly Change[];
  readonly files: readonly Change[];
}

/** Reads both trees. A file of the same facts and time is taken as the same, as rsync(1) does. */
export function diffGenerations(
  host: Pick<Host, "trees">,
  from: Generation,
  to: Generation,
): GenerationDiff {
  return {
    packages: diffPackages(from.manifest?.packages ?? {}, to.manifest?.packages ?? {}),
    files: diffFiles(host, from.tree, to.tree),
  };
}

type Versions = Readonly<Record<string, string>>;

/** Pure. */
export function diffPackages(from: Versions, to: Versions): readonly Change[] {
  const names = [...new Set([...Object.keys(from), ...Object.keys(to)])].sort();
  return names.flatMap((name): Change[] => {
    const [before, after] = [from[name], to[name]];
    if (before === after) return [];
    if (before === undefined) return [{ kind: "added", name, to: after ?? "" }];
    if (after === undefined) return [{ kind: "removed", name, from: before }];
    return [{ kind: "changed", name, from: before, to: after }];
  });
}

/** Of two files that differ in their time alone: larger ones pass for changed. */
const COMPARED_MAX_BYTES = 1024 ** 3;

function diffFiles(host: Pick<Host, "trees">, from: string, to: string): readonly Change[] {
  using older = host.trees.open(from);
  using newer = host.trees.open(to);
  const [before, after] = [older.entries(), newer.entries()];
  const sameContent = (path: string): boolean => {
    const content = older.digest(path, COMPARED_MAX_BYTES);
    return content !== undefined && content === newer.digest(path, COMPARED_MAX_BYTES);
  };
  const paths = [...new Set([...before.keys(), ...after.keys()])].sort();
  return paths.flatMap((name): Change[] => {
    const [old, now] = [before.get(name), after.get(name)];
    if (old === undefined) return [{ kind: "added", name }];
    if (now === undefined) return [{ kind: "removed", name }];
    const same =
      old.facts === now.facts &&
      (!old.isFile || old.modifiedMs === now.modifiedMs || sameContent(`.${name}`));
    return same ? [] : [{ kind: "changed", name }];
  });
}
