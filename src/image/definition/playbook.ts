/**
 * A playbook as YAML nodes with their positions: what holds for any playbook, whatever is ours in
 * it. Reads as PyYAML does, with which Ansible reads.
 */
import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  parseDocument,
  type Scalar,
  type Tags,
  type YAMLMap,
} from "yaml";
import { escapeUntrusted } from "../../text/escape.ts";
import {
  type Entry,
  type Fault,
  followAlias,
  isMergeKey,
  type NodeAccess,
  offsetOf,
  readEntries,
} from "./yaml-entries.ts";

export interface Play {
  readonly offset: number;
  readonly entries: ReadonlyMap<string, Entry>;
}

/** The nodes of any file of Ansible's. */
export interface Nodes extends NodeAccess {
  /** What the file is: nothing where it is no YAML. */
  readonly top: unknown;
  /** The keys of all maps. */
  readonly keys: readonly { readonly name: string; readonly offset: number }[];
  /** Line and column of an offset, from 1. */
  place(offset: number): { readonly line: number; readonly column: number };
}

export interface Playbook extends Nodes {
  /** The items of the list at the top. */
  readonly plays: readonly Play[];
}

/** Far beyond any playbook that a person writes, and parsed in less than a second. */
const TEXT_LENGTH_MAX = 256 * 1024;
/** What may be looked at while aliases are followed. */
const NODES_MAX = 20_000;

/** Tags of Ansible's own: an encrypted text, and a text that is never a template. */
const VAULT_TAGS: readonly string[] = ["!vault", "!vault-encrypted"];
const UNSAFE_TAG = "!unsafe";

export const isVaulted = (node: Scalar): boolean =>
  node.tag !== undefined && VAULT_TAGS.includes(node.tag);
export const isUnsafe = (node: Scalar): boolean => node.tag === UNSAFE_TAG;

/**
 * Plain text for PyYAML where the YAML 1.1 of the library knows booleans and numbers: `y`, `08`,
 * `1e3`. From PyYAML's resolver.py; seen so with ansible-core 2.19.
 */
const PLAIN_TEXT =
  "(?!^(?:[yYnN]|[-+]?0[0-9_]*[89][0-9_]*|[-+]?[0-9][0-9_]*(?:[.][0-9_]*)?[eE][0-9]+|[-+]?[0-9][0-9_]*[eE][-+][0-9]+)$)";

export function parsePlaybook(text: string): Playbook {
  const nodes = parseNodes(text);
  return { ...nodes, plays: nodes.faults.length > 0 ? [] : readPlays(nodes, nodes.top) };
}

export function parseNodes(text: string): Nodes {
  const empty = {
    top: undefined,
    keys: [],
    targets: new Map(),
    faults: [],
    nodesLeft: NODES_MAX,
    // Counted here: the library's LineCounter misses lines after a NUL character.
    place: (offset: number) => {
      const before = text.slice(0, offset);
      return { line: before.split("\n").length, column: offset - before.lastIndexOf("\n") };
    },
  } satisfies Nodes;
  if (text.length > TEXT_LENGTH_MAX) {
    const message = `the file has ${text.length} characters; the limit is ${TEXT_LENGTH_MAX}`;
    return { ...empty, faults: [{ offset: 0, message }] };
  }
  const document = parseDocument(text, {
    version: "1.1",
    // Also where a "%YAML 1.2" asks for another: PyYAML has but one.
    schema: "yaml-1.1",
    customTags: (tags) => tags.map(narrowTag),
    prettyErrors: false,
    // Looked for below: the library compares each key with each.
    uniqueKeys: false,
    // At "silent" a second document is no error.
    logLevel: "error",
  });
  if (document.errors.length > 0) {
    const faults = document.errors.map(({ pos, message }) => ({
      offset: Math.min(pos[0], text.length),
      message: `this is not valid YAML: ${escapeUntrusted(message)}`,
    }));
    return { ...empty, faults };
  }
  return { ...empty, top: document.contents, ...readNodes(document) };
}

/** Whether the text is a list of plays: what tells a playbook from other files of Ansible's. */
export function isPlaybook(text: string): boolean {
  const first = parsePlaybook(text).plays[0];
  return first !== undefined && (first.entries.has("hosts") || importsPlaybook(first));
}

/** An entry that brings in another file's plays has no `hosts` of its own. */
export function importsPlaybook({ entries }: Play): boolean {
  return entries.has("import_playbook") || entries.has("ansible.builtin.import_playbook");
}

function narrowTag(tag: Tags[number]): Tags[number] {
  if (typeof tag !== "object" || !("test" in tag) || tag.test === undefined) return tag;
  return { ...tag, test: new RegExp(PLAIN_TEXT + tag.test.source) };
}

function readNodes(document: Document.Parsed): Pick<Nodes, "targets" | "keys" | "faults"> {
  const faults: Fault[] = [];
  const keys: { name: string; offset: number }[] = [];
  const anchors = new Map<string, unknown>();
  const targets = new Map<Alias, unknown>();
  for (const node of walkNodes(document.contents)) {
    const offset = offsetOf(node) ?? 0;
    if (isAlias(node)) {
      if (anchors.has(node.source)) targets.set(node, anchors.get(node.source));
      else
        faults.push({ offset, message: `no "&${escapeUntrusted(node.source)}" comes before this` });
      continue;
    }
    if (!isScalar(node) && !isMap(node) && !isSeq(node)) continue;
    if (node.anchor !== undefined) anchors.set(node.anchor, node);
    if (!isKnownTag(node.tag)) {
      faults.push({ offset, message: `Ansible knows no tag "${escapeUntrusted(node.tag ?? "")}"` });
    }
    if (isMap(node)) {
      const named = namedKeys(node);
      keys.push(...named);
      faults.push(...findDoubleKeys(named));
    }
  }
  return { targets, faults, keys };
}

/**
 * All nodes in the order of the text. Not by the library's `visit`: its time grows with the square
 * of the depth (2.8 s at a depth of 5,000).
 */
function* walkNodes(top: unknown): Generator<unknown> {
  const waiting = [top];
  while (waiting.length > 0) {
    const node = waiting.pop();
    yield node;
    if (isPair(node)) waiting.push(node.value, node.key);
    else if (isMap(node) || isSeq(node))
      for (const item of node.items.toReversed()) waiting.push(item);
  }
}

/** Those of YAML itself, and Ansible's; PyYAML refuses any other. */
function isKnownTag(tag: string | undefined): boolean {
  return (
    tag === undefined ||
    tag === "!" ||
    tag === UNSAFE_TAG ||
    VAULT_TAGS.includes(tag) ||
    tag.startsWith("tag:yaml.org,2002:")
  );
}

function namedKeys(map: YAMLMap): { name: string; offset: number }[] {
  return map.items.flatMap(({ key }) =>
    isScalar(key) && typeof key.value === "string" && !isMergeKey(key)
      ? [{ name: key.value, offset: offsetOf(key) ?? 0 }]
      : [],
  );
}

function findDoubleKeys(keys: readonly { name: string; offset: number }[]): Fault[] {
  const seen = new Set<string>();
  return keys.flatMap(({ name, offset }) => {
    if (seen.has(name)) {
      return [{ offset, message: `"${escapeUntrusted(name, 60)}" is given twice in one map` }];
    }
    seen.add(name);
    return [];
  });
}

function readPlays(access: NodeAccess, top: unknown): Play[] {
  if (!isSeq(top) || top.items.length === 0) {
    const message = 'a playbook is a list of plays: its first line begins with "- hosts: all"';
    access.faults.push({ offset: offsetOf(top) ?? 0, message });
    return [];
  }
  return top.items.flatMap((item) => {
    const offset = offsetOf(item) ?? 0;
    const play = followAlias(access, item);
    if (isMap(play)) return [{ offset, entries: readEntries(access, play) }];
    access.faults.push({ offset, message: 'a play is a map, such as "hosts: all"' });
    return [];
  });
}
