/** The definitions of a host: which files declare an image. Looks, changes nothing. */
import { basename, dirname } from "node:path";
import type { Host } from "../../host/host.ts";
import { RunnerError } from "../../text/errors.ts";
import { escapeUntrusted } from "../../text/escape.ts";
import { type ImageName, isImageName } from "../../text/names.ts";
import { nearestName } from "../../text/nearest.ts";
import type { DefinitionFile } from "./check-definition.ts";
import type { Definition } from "./definition.ts";
import { type Finding, formatFinding } from "./finding.ts";
import { parseDefinition } from "./parse-definition.ts";
import { isPlaybook } from "./playbook.ts";

type FilesHost = Pick<Host, "files">;

export interface FoundDefinitions {
  readonly directories: readonly string[];
  /** By name. */
  readonly definitions: readonly DefinitionFile[];
  /** Files that could not be taken for a definition, or are hidden by another. */
  readonly findings: readonly Finding[];
}

/** Both are searched; with both there, none is the definition. */
const EXTENSIONS = [".yaml", ".yml"] as const;

/**
 * Names that Ansible's own files usually have. Such a file is a definition only when it is a
 * playbook; any other is taken for one, so that a broken one is told of.
 */
const ANSIBLE_NAMES: readonly string[] = [
  "requirements",
  "galaxy",
  "hosts",
  "inventory",
  "vars",
  "vault",
  "secrets",
  "main",
  "molecule",
];

/** Far more than a definition may have, so that its parser is the one to refuse it. */
const FILE_BYTES_MAX = 4 * 1024 * 1024;

/** Every definition in the directories; the first directory that has a name wins. */
export function findDefinitions(host: FilesHost, directories: readonly string[]): FoundDefinitions {
  const definitions = new Map<ImageName, DefinitionFile>();
  const refused = new Map<ImageName, string>();
  const findings: Finding[] = [];
  for (const directory of directories) {
    for (const [stem, paths] of listYaml(host, directory)) {
      const [path = "", other] = paths;
      const known = isImageName(stem) ? (definitions.get(stem)?.path ?? refused.get(stem)) : "";
      if (!isImageName(stem)) findings.push(describeName(path, stem));
      else if (known !== undefined) findings.push(describeHidden(path, known));
      else if (other !== undefined) {
        refused.set(stem, path);
        findings.push(describeTwo(path, other, stem));
      } else {
        const file = probeDefinition(host, path, stem);
        if (file !== undefined) definitions.set(stem, file);
        else {
          refused.set(stem, path);
          findings.push(fault(path, "this link leads to no file"));
        }
      }
    }
  }
  const sorted = [...definitions.values()].sort((one, two) => (one.name < two.name ? -1 : 1));
  return { directories, definitions: sorted, findings };
}

/**
 * The definition of one image. Throws one system error: with the names there are, with what keeps
 * this one from being found, or with every fault in it.
 */
export function readDefinition(
  host: FilesHost,
  name: ImageName,
  directories: readonly string[],
): Definition {
  const found = findDefinitions(host, directories);
  const file = found.definitions.find((one) => one.name === name);
  if (file !== undefined) return parseDefinition(readDefinitionText(host, file), file);
  const [finding] = findingsOf(found, name).filter(({ severity }) => severity === "error");
  if (finding === undefined) throw missingDefinition(name, found);
  throw new RunnerError({
    kind: "system",
    message: `The definition of the image "${name}" cannot be used: ${formatFinding(finding)}.`,
  });
}

/** What was found out about the files that have an image's name. */
export function findingsOf({ findings }: FoundDefinitions, name: ImageName): Finding[] {
  return findings.filter(({ path }) => stemOf(basename(path)) === name);
}

/** With the names there are, and the nearest. */
export function missingDefinition(name: ImageName, found: FoundDefinitions): RunnerError {
  const names = found.definitions.map((one) => one.name);
  const near = nearestName(name, names);
  return new RunnerError({
    kind: "system",
    message: `There is no definition of an image "${name}".`,
    hints: [
      ...(near === undefined ? [] : [`Did you mean "${near}"?`]),
      names.length === 0
        ? `There are no definitions yet: write "${found.directories[0]}/${name}.yaml".`
        : `The definitions are: ${names.join(", ")}.`,
    ],
  });
}

export function readDefinitionText(host: FilesHost, file: DefinitionFile): string {
  return host.files.readText(file.realPath, FILE_BYTES_MAX);
}

/** The file at a path, links followed, or nothing where there is none. */
export function probeDefinition(
  host: FilesHost,
  path: string,
  name: ImageName,
): DefinitionFile | undefined {
  const realPath = followLinks(host, path);
  return realPath === undefined
    ? undefined
    : { name, path, realPath, directory: dirname(realPath) };
}

/** The YAML files of a directory that may be definitions: by name without extension, sorted. */
function listYaml(host: FilesHost, directory: string): Map<string, string[]> {
  const files = new Map<string, string[]>();
  if (host.files.probe(directory) === undefined) return files;
  for (const entry of host.files.list(directory)) {
    const stem = stemOf(entry);
    const path = `${directory}/${entry}`;
    const kind = host.files.probe(path)?.kind;
    if (stem === undefined || entry.startsWith(".") || !(kind === "file" || kind === "link"))
      continue;
    if (ANSIBLE_NAMES.includes(stem) && !isPlaybookFile(host, path)) continue;
    files.set(stem, [...(files.get(stem) ?? []), path]);
  }
  return files;
}

/** "trixie" of "trixie.yaml" and "trixie.yml", nothing of any other file. */
export function stemOf(entry: string): string | undefined {
  const extension = EXTENSIONS.find((one) => entry.endsWith(one));
  return extension === undefined ? undefined : entry.slice(0, -extension.length);
}

function isPlaybookFile(host: FilesHost, path: string): boolean {
  const realPath = followLinks(host, path);
  return realPath !== undefined && isPlaybook(host.files.readText(realPath, FILE_BYTES_MAX));
}

/** The file that a path leads to; nothing when that is none, or a link that leads nowhere. */
function followLinks(host: FilesHost, path: string): string | undefined {
  let realPath: string;
  try {
    realPath = host.files.realPath(path);
  } catch {
    return undefined; // a link that leads nowhere, or in a circle
  }
  return host.files.probe(realPath)?.kind === "file" ? realPath : undefined;
}

function fault(path: string, message: string): Finding {
  return { severity: "error", path, line: 1, column: 1, message };
}

const describeName = (path: string, stem: string): Finding =>
  fault(
    path,
    `"${escapeUntrusted(stem, 60)}" cannot be the name of an image: rename or hide the file`,
  );

const describeTwo = (path: string, other: string, name: string): Finding =>
  fault(path, `"${name}" is defined twice, here and in "${other}": remove one of them`);

const describeHidden = (path: string, known: string): Finding => {
  const message = `this is not used: "${known}" comes before it`;
  return { ...fault(path, message), severity: "warning" };
};
