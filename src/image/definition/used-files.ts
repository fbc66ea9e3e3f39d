/**
 * The files of the host that a definition uses: named by it, or by what it names, or found by Ansible
 * without a name. Too many is harmless: a build that was not needed. Looks, changes nothing.
 */
import { basename, dirname, resolve } from "node:path";
import type { Host } from "../../host/host.ts";
import { readConfiguration } from "../ansible/configuration.ts";
import { collectionPaths, rolePaths, usedUnnamed } from "./ansible-places.ts";
import type { Definition } from "./definition.ts";
import { findReferences, type Reference } from "./file-references.ts";

export type UsedHost = Pick<Host, "files" | "environment">;

export interface UsedFiles {
  /** Absolute, links followed; a directory stands for all below it. */
  readonly paths: readonly string[];
  /** Those of them that Ansible reads as YAML, and that were read here. */
  readonly yaml: readonly { readonly path: string; readonly text: string }[];
}

/** Where Ansible looks for what a task or play names, below the playbook and below a role. */
const SEARCHED = ["", "files", "templates", "tasks", "vars", "handlers", "defaults", "meta"];
/** Words that are directories by chance, or whose content is named one by one. */
const NEVER_WHOLE = [...SEARCHED, "roles", "collections", "group_vars", "host_vars"];
/** Editors' locks, copies and work in progress, and what belongs to no playbook. */
export const PASSED_OVER = [".#*", "#*#", "*~", ".*.sw?", ".git", "__pycache__"];

/** What may name more files. */
const READABLE = /\.(ya?ml|j2|cfg|json|sh|bash)$|^[^.]+$/;
const TEXT_BYTES_MAX = 1_000_000;
const FILES_MAX = 5000;
/** What one pattern may stand for. */
const MATCHES_MAX = 1000;

export function findUsedFiles(host: UsedHost, definition: Definition): UsedFiles {
  const search = openSearch(host, definition.directory);
  for (const path of definition.inputs) search.take({ path, isRead: true });
  if (definition.needsAnsible) {
    search.read(definition.path, definition.text);
    for (const name of usedUnnamed(definition.name)) search.take({ path: name, isRead: true });
  }
  return search.end(definition.path);
}

/** The files that a command of the shell names, such as the script that it starts. */
export function findCommandFiles(host: UsedHost, directory: string, text: string): string[] {
  const search = openSearch(host, directory);
  search.read(`${directory}/command`, text);
  return [...search.end("").paths];
}

interface Search {
  /** Reads what a text names. */
  read(path: string, text: string): void;
  take(reference: Reference): void;
  end(definition: string): UsedFiles;
}

function openSearch(host: UsedHost, directory: string): Search {
  const home = host.environment.HOME ?? "/root";
  const configuration = readConfiguration(host, directory);
  const roles = rolePaths(directory, configuration, home);
  const collections = collectionPaths(directory, configuration, home);
  const found = new Set<string>();
  const yaml = new Map<string, string>();
  const seen = new Set<string>();
  const waiting: { readonly path: string; readonly text: string }[] = [];

  /** A file or directory that counts, and what it names. */
  const accept = (path: string): void => {
    const real = realPath(host, path);
    if (real === undefined || found.has(real)) return;
    found.add(real);
    // Under the name that it was found by: a role that is a link looks beside its own name.
    for (const file of listFiles(host, path)) readMore(file);
  };
  const readMore = (path: string): void => {
    const real = realPath(host, path);
    if (real === undefined || seen.has(real) || !READABLE.test(basename(path))) return;
    seen.add(real);
    const facts = host.files.probe(real);
    if (facts?.kind !== "file" || facts.sizeBytes > TEXT_BYTES_MAX) return;
    const text = host.files.readText(real);
    if (/\.ya?ml$/.test(path)) yaml.set(real, text);
    waiting.push({ path, text });
  };

  const look = ({ path, isRead }: Reference, from: string): void => {
    const role = roleOf(from);
    const isAbsolute = path.startsWith("/");
    const climbs = path.split("/").includes("..");
    const bases = isAbsolute ? ["/"] : basesOf(directory, role, dirname(from));
    for (const base of bases) {
      // "*.yml" in the directory itself would be every other definition.
      if (base === directory && /^[^/]*\*/.test(path)) continue;
      for (const candidate of expand(host, resolve(base, path))) {
        const kind = kindOf(host, candidate);
        if (kind === undefined || `${directory}/`.startsWith(`${candidate}/`)) continue;
        const inside = candidate.startsWith(`${directory}/`);
        const bare = base === directory && !path.includes("/");
        if (kind === "file" && (inside || isRead || (climbs && !isAbsolute))) accept(candidate);
        if (kind !== "directory" || NEVER_WHOLE.includes(path.replace(/^\.\//, ""))) continue;
        if (isRead || (inside && !bare)) accept(candidate);
      }
    }
    if (isAbsolute || climbs || path.includes("*")) return;
    for (const place of roles) {
      if (kindOf(host, `${place}/${path}`) === "directory") accept(`${place}/${path}`);
    }
    const [, space, name] = /^(\w+)\.(\w+)(?:\.\w+)*$/.exec(path) ?? [];
    if (space === undefined) return;
    for (const place of collections) {
      const collection = `${place}/ansible_collections/${space}/${name}`;
      // As a whole: what of it is used, its own files say by names of their own.
      const real = kindOf(host, collection) === "directory" && realPath(host, collection);
      if (real) found.add(real);
    }
  };

  return {
    read: (path, text) => waiting.push({ path, text }),
    take: (reference) => look(reference, `${directory}/definition`),
    end: (definition) => {
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
        const { path, text } = next;
        const role = roleOf(path);
        const places = { directory, home, ...(role === undefined ? {} : { role }) };
        for (const reference of findReferences(text, places)) look(reference, path);
      }
      found.delete(definition);
      yaml.delete(definition);
      return {
        paths: withoutInner([...found].sort(), host),
        yaml: [...yaml].map(([path, text]) => ({ path, text })),
      };
    },
  };
}

/** A directory stands for what is below it. */
function withoutInner(sorted: readonly string[], host: UsedHost): string[] {
  const kept: string[] = [];
  for (const path of sorted) {
    const above = kept.findLast((one) => path.startsWith(`${one}/`));
    if (above === undefined || host.files.probe(above)?.kind !== "directory") kept.push(path);
  }
  return kept;
}

/** The role that a file belongs to: a directory that holds one of a role's own directories. */
function roleOf(path: string): string | undefined {
  return /^(.*\/[^/]+)\/(?:tasks|handlers|templates|files|vars|defaults|meta)\//.exec(path)?.[1];
}

/** `beside` is where the file is that names something: a task file, or another playbook. */
const basesOf = (directory: string, role: string | undefined, beside: string): Set<string> =>
  new Set(
    [directory, beside, ...(role === undefined ? [] : [role])].flatMap((place) =>
      SEARCHED.map((name) => (name === "" ? place : `${place}/${name}`)),
    ),
  );

/** Of what a link leads to; nothing where nothing is. */
function kindOf(host: UsedHost, path: string): "file" | "directory" | undefined {
  const kind = host.files.probe(path)?.kind;
  if (kind === "file" || kind === "directory") return kind;
  const real = kind === "link" ? realPath(host, path) : undefined;
  const target = real === undefined ? undefined : host.files.probe(real)?.kind;
  return target === "file" || target === "directory" ? target : undefined;
}

/** Nothing for a link that leads nowhere, or in a circle. */
function realPath(host: UsedHost, path: string): string | undefined {
  try {
    return host.files.realPath(path);
  } catch {
    return undefined; // it counts as not there, as for Ansible
  }
}

/** The paths that a pattern stands for; itself when it is none. */
function expand(host: UsedHost, pattern: string): string[] {
  if (!/[*?]/.test(pattern)) return [pattern];
  let places = [""];
  for (const part of pattern.split("/").slice(1)) {
    const test = new RegExp(
      `^${part
        .replace(/[^*?\w]/g, "\\$&")
        .replace(/\*+/g, ".*")
        .replaceAll("?", ".")}$`,
    );
    places = places
      .flatMap((place) => {
        if (!/[*?]/.test(part)) return [`${place}/${part}`];
        if (kindOf(host, place) !== "directory") return [];
        const names = host.files.list(place).filter((name) => test.test(name));
        return names.filter((name) => !name.startsWith(".")).map((name) => `${place}/${name}`);
      })
      .slice(0, MATCHES_MAX);
  }
  return places;
}

/** Files at a path, links followed, each directory once. */
function listFiles(host: UsedHost, path: string): string[] {
  const files: string[] = [];
  const seen = new Set<string>();
  const waiting = [path];
  for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) {
    const kind = kindOf(host, place);
    if (kind === "file") files.push(place);
    const real = kind === "directory" ? realPath(host, place) : undefined;
    if (real === undefined || seen.has(real)) continue;
    seen.add(real);
    for (const name of host.files.list(place)) {
      if (!name.startsWith(".") && name !== "__pycache__") waiting.push(`${place}/${name}`);
    }
    // What is larger holds no tasks.
    if (files.length + waiting.length > FILES_MAX) break;
  }
  return files;
}
