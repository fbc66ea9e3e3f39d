/** A YAML node as plain data that still knows where each part of it was written. */
import { isMap, isScalar, isSeq } from "yaml";
import { isUnsafe, isVaulted } from "./playbook.ts";
import { followAlias, type NodeAccess, offsetOf, readEntries, spendNode } from "./yaml-entries.ts";

export interface Located {
  readonly value: unknown;
  readonly offset: number;
  /** Where the key is that it was found under; for items of lists, the item itself. */
  readonly keyOffset: number;
  readonly children: ReadonlyMap<string | number, Located>;
}

/**
 * What a variable of ours says. Refuses what only Ansible could tell the value of: templates and
 * encrypted texts. Their faults go to `access.faults`, and the value is then of no use.
 */
export function locateValue(
  access: NodeAccess,
  node: unknown,
  places: { readonly keyOffset: number; readonly depth?: number },
): Located {
  const { keyOffset, depth = 0 } = places;
  const offset = offsetOf(node) ?? keyOffset;
  const children = new Map<string | number, Located>();
  const located = (value: unknown): Located => ({ value, offset, keyOffset, children });
  if (!spendNode(access, offset, depth)) return located(undefined);
  // Without quotes "{{ x }}" is a map whose key is a map.
  if (isMap(node) && node.items.some(({ key }) => isMap(key))) {
    access.faults.push({ offset, message: TEMPLATE });
    return located(undefined);
  }
  if (isMap(node)) {
    for (const [name, entry] of readEntries(access, node, depth)) {
      const child = { keyOffset: entry.keyOffset, depth: depth + 1 };
      if (name in Object.prototype) {
        access.faults.push({ offset: entry.keyOffset, message: `"${name}" cannot be a key here` });
      } else children.set(name, locateValue(access, entry.node, child));
    }
    return located(Object.fromEntries([...children].map(([name, child]) => [name, child.value])));
  }
  if (isSeq(node)) {
    for (const [index, item] of node.items.entries()) {
      const child = { keyOffset: offsetOf(item) ?? offset, depth: depth + 1 };
      children.set(index, locateValue(access, followAlias(access, item), child));
    }
    return located([...children.values()].map((child) => child.value));
  }
  if (!isScalar(node)) return located(null);
  if (isVaulted(node)) {
    access.faults.push({ offset, message: ENCRYPTED });
    return located(undefined);
  }
  if (typeof node.value === "string" && /\{\{|\{%/.test(node.value) && !isUnsafe(node)) {
    access.faults.push({ offset, message: TEMPLATE });
    return located(undefined);
  }
  return located(node.value);
}

const ENCRYPTED =
  "variables of nspawn-runner cannot be encrypted: they are read without Ansible, and without its passwords";
const TEMPLATE =
  'variables of nspawn-runner cannot hold Jinja ("{{ … }}"): they are read without Ansible. Write the value itself, or put "!unsafe" before a text that is no template';

/** The place of a part: of the nearest that exists on the way to it. */
export function findPlace(root: Located, path: readonly (string | number)[]): Located {
  let place = root;
  for (const key of path) {
    const child = place.children.get(key);
    if (child === undefined) return place;
    place = child;
  }
  return place;
}
