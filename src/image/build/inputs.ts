/** What an image is made from, as hashes: whether there is anything to do, and why. */
import { createHash } from "node:crypto";
import type { Host } from "../../host/host.ts";
import { creatorOf } from "../creators/creators.ts";
import type { Definition, Refresh } from "../definition/definition.ts";
import type { BuildInputs } from "../generations/manifest.ts";

/** Raised when the way images are built changes, so that all are built anew. */
const BUILD_VERSION = 1;

/** What lies beside a definition for Ansible to find by itself, without being named. */
const ALWAYS_USED: readonly string[] = [
  "ansible.cfg",
  "group_vars",
  "host_vars",
  "library",
  "filter_plugins",
  "requirements.yml",
  "requirements.yaml",
];
/** Where Ansible looks for what a task or play names. */
const SEARCHED: readonly string[] = ["", "roles/", "files/", "templates/", "tasks/", "vars/"];

const FILES_MAX = 20_000;
const DAY_MS = 86_400_000;

/** Reads the files that the definition uses. `parent` is `NAME/VERSION` of what it extends, or "". */
export function gatherInputs(
  host: Pick<Host, "files" | "clock">,
  definition: Definition,
  parent: string,
): BuildInputs {
  const creator = creatorOf(definition.create);
  const paths = [
    ...usedPaths(host, definition),
    ...creator.inputs(definition.create.options, { directory: definition.directory }),
  ];
  return {
    definition: hash([definition.text]),
    files: paths.length === 0 ? "" : hashFiles(host, paths),
    create: hash([
      String(BUILD_VERSION),
      definition.create.kind,
      String(creator.version),
      JSON.stringify(definition.create.options),
    ]),
    parent,
    bucket: refreshBucket(definition.refresh, host.clock.nowMs()),
  };
}

/**
 * The files and directories that the texts of the playbook name: roles, templates, task files and
 * their like, with what those name in turn. Too many is harmless: a build that was not needed.
 */
function usedPaths(host: Pick<Host, "files">, definition: Definition): string[] {
  const { directory } = definition;
  const found = new Set<string>();
  const waiting: string[] = [...definition.words, ...ALWAYS_USED];
  const seen = new Set<string>();
  for (let word = waiting.pop(); word !== undefined; word = waiting.pop()) {
    // The key "roles" of a play does not mean the directory with all of them.
    if (seen.has(word) || !isPlainPath(word) || SEARCHED.includes(`${word}/`)) continue;
    seen.add(word);
    for (const place of SEARCHED) {
      const path = `${directory}/${place}${word}`;
      if (path === definition.path || host.files.probe(path) === undefined) continue;
      if (found.has(path)) continue;
      found.add(path);
      waiting.push(...wordsBelow(host, path));
    }
  }
  return [...found].sort();
}

const isPlainPath = (word: string): boolean =>
  /^[A-Za-z0-9_][A-Za-z0-9_./-]{0,200}$/.test(word) && !word.split("/").includes("..");

/** Words in the YAML files of a role or task file: what they include, by whatever key. */
function wordsBelow(host: Pick<Host, "files">, path: string): string[] {
  const words: string[] = [];
  for (const file of filesBelow(host, path)) {
    if (!/\.ya?ml$/.test(file) || (host.files.probe(file)?.sizeBytes ?? 0) > 1_000_000) continue;
    words.push(...(host.files.readText(file).match(/[A-Za-z0-9_][A-Za-z0-9_./-]*/g) ?? []));
  }
  return words;
}

function filesBelow(host: Pick<Host, "files">, path: string): string[] {
  const files: string[] = [];
  const waiting = [path];
  for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) {
    const kind = host.files.probe(place)?.kind;
    if (kind === "directory") {
      for (const entry of host.files.list(place)) waiting.push(`${place}/${entry}`);
    } else if (kind === "file" || kind === "link") files.push(place);
    if (files.length > FILES_MAX) throw new Error(`"${path}" holds more than ${FILES_MAX} files`);
  }
  return files.sort();
}

function hashFiles(host: Pick<Host, "files">, paths: readonly string[]): string {
  const sum = createHash("sha256");
  for (const file of paths.flatMap((path) => filesBelow(host, path))) {
    const facts = host.files.probe(file);
    sum.update(`${file}\0${facts?.mode ?? 0}\0`);
    sum.update(host.files.readLink(file) ?? host.files.readBytes(file));
    sum.update("\0");
  }
  return sum.digest("hex");
}

const hash = (texts: readonly string[]): string =>
  createHash("sha256").update(texts.join("\0")).digest("hex");

/** The day or week in which an image that changes by itself was built, in the host's own time. Pure. */
export function refreshBucket(refresh: Refresh, nowMs: number): string {
  if (refresh === "never") return "";
  const now = new Date(nowMs);
  const local = new Date(nowMs - now.getTimezoneOffset() * 60_000);
  if (refresh === "daily") return local.toISOString().slice(0, 10);
  // Weeks begin on Monday; the first day of Unix time was a Thursday.
  const week = Math.floor((Math.floor(local.getTime() / DAY_MS) + 3) / 7);
  return `week ${week}`;
}

/** Why an image has to be built anew, as half a sentence; nothing when all is as it was. Pure. */
export function explainDue(before: BuildInputs | undefined, now: BuildInputs): string | undefined {
  if (before === undefined) return "it was not built from its definition yet";
  if (before.create !== now.create) return "the way it is created has changed";
  if (before.parent !== now.parent) return "the image it extends has changed";
  if (before.definition !== now.definition) return "its definition has changed";
  if (before.files !== now.files) return "files that its definition uses have changed";
  if (before.bucket !== now.bucket) return "its packages may have changed since its last build";
  return undefined;
}

/**
 * Whether a change asks for a new root file system rather than a playbook over the old one. An image
 * that came by hand has no inputs: its definition takes over what is there. Pure.
 */
export function needsNewTree(before: BuildInputs | undefined, now: BuildInputs): boolean {
  return before !== undefined && (before.create !== now.create || before.parent !== now.parent);
}
