/** Aliases and merge keys of YAML nodes, followed within bounds. */
import { type Alias, isAlias, isMap, isScalar, isSeq, type YAMLMap } from "yaml";

/** A place in the text and what is wrong there. */
export interface Fault {
  readonly offset: number;
  readonly message: string;
}

/** What following aliases needs, and may cost: shared by all that is read from one file. */
export interface NodeAccess {
  /** What an alias stands for: the nearest anchor of its name before it. */
  readonly targets: ReadonlyMap<Alias, unknown>;
  readonly faults: Fault[];
  /** How many nodes may still be looked at: a few aliases can stand for billions. */
  nodesLeft: number;
}

export interface Entry {
  readonly keyOffset: number;
  /** Aliases followed. */
  readonly node: unknown;
}

/** Where nested nodes or aliases to their own ancestors are given up. */
const DEPTH_MAX = 32;

export const offsetOf = (node: unknown): number | undefined =>
  isScalar(node) || isMap(node) || isSeq(node) || isAlias(node) ? node.range?.[0] : undefined;

export const isMergeKey = (key: unknown): boolean =>
  isScalar(key) && key.type === "PLAIN" && key.source === "<<";

/** False, with one fault, once a file refers to more than can be read. */
export function spendNode(access: NodeAccess, offset: number, depth: number): boolean {
  access.nodesLeft -= 1;
  if (access.nodesLeft >= 0 && depth <= DEPTH_MAX) return true;
  if (access.nodesLeft >= -1) {
    access.faults.push({
      offset,
      message: "this is nested too deeply, or aliases make it too large",
    });
  }
  access.nodesLeft = Math.min(access.nodesLeft, -1);
  return false;
}

export function followAlias(access: NodeAccess, node: unknown): unknown {
  return isAlias(node) ? access.targets.get(node) : node;
}

/**
 * The entries of a map with text keys, merge keys (`<<`) followed: as PyYAML, the map's own entries
 * win over merged ones, the first of merged maps over later ones.
 */
export function readEntries(access: NodeAccess, map: YAMLMap, depth = 0): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  const merged: Map<string, Entry>[] = [];
  for (const { key, value } of map.items) {
    const keyOffset = offsetOf(key) ?? map.range?.[0] ?? 0;
    if (!spendNode(access, keyOffset, depth)) break;
    if (isMergeKey(key)) merged.push(...readMerged(access, value, depth + 1));
    else if (isScalar(key) && typeof key.value === "string") {
      entries.set(key.value, { keyOffset, node: followAlias(access, value) });
    } else access.faults.push({ offset: keyOffset, message: "a key is text: put it in quotes" });
  }
  for (const source of merged) {
    for (const [name, entry] of source) if (!entries.has(name)) entries.set(name, entry);
  }
  return entries;
}

function readMerged(access: NodeAccess, value: unknown, depth: number): Map<string, Entry>[] {
  const source = followAlias(access, value);
  const maps = isSeq(source) ? source.items.map((item) => followAlias(access, item)) : [source];
  return maps.flatMap((map) => {
    if (isMap(map)) return [readEntries(access, map, depth)];
    const offset = offsetOf(value) ?? 0;
    access.faults.push({ offset, message: 'only a map, or a list of maps, can be merged by "<<"' });
    return [];
  });
}

/** Whether nothing, or an empty list or map, is there. */
export function isEmptyNode(node: unknown): boolean {
  if (isMap(node) || isSeq(node)) return node.items.length === 0;
  return node === null || node === undefined || (isScalar(node) && node.value === null);
}
