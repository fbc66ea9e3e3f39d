/** All that can be said of definitions without building them. */
import { basename } from "node:path";
import type { Host } from "../../host/host.ts";
import { RunnerError } from "../../text/errors.ts";
import { escapeUntrusted } from "../../text/escape.ts";
import { isImageName, parseImageName } from "../../text/names.ts";
import { findRequirements, isInstalled } from "../ansible/requirements.ts";
import { creatorOf } from "../creators/creators.ts";
import { probeImage } from "../find-image.ts";
import {
  type CheckedDefinition,
  checkDefinition,
  type DefinitionFile,
} from "./check-definition.ts";
import { type Child, checkParents } from "./check-parents.ts";
import { checkSyntax, hasAnsible, isAbsence, type SyntaxHost } from "./check-syntax.ts";
import { checkUsedFiles } from "./check-used-files.ts";
import {
  type FoundDefinitions,
  findDefinitions,
  findingsOf,
  missingDefinition,
  probeDefinition,
  readDefinitionText,
  stemOf,
} from "./find-definitions.ts";
import type { Finding } from "./finding.ts";

interface LintHost extends SyntaxHost {
  readonly log: Pick<Host["log"], "info">;
}

export interface Lint {
  /** How many definitions were looked at. */
  readonly count: number;
  readonly findings: readonly Finding[];
}

interface Linted {
  readonly file: DefinitionFile;
  readonly checked: CheckedDefinition;
}

/**
 * Lints the definitions of these names or files, or all there are. Throws a system error when a
 * name has no definition.
 */
export async function lintDefinitions(
  host: LintHost,
  options: {
    readonly directories: readonly string[];
    readonly rootDirectory: string;
    readonly words: readonly string[];
  },
): Promise<Lint> {
  const { directories, rootDirectory, words } = options;
  const found = findDefinitions(host, directories);
  const wanted = words.length === 0 ? found : chooseDefinitions(host, found, words);
  const paths = new Set(wanted.definitions.map(({ path }) => path));
  const others = found.definitions.filter(({ path }) => !paths.has(path));
  const linted = wanted.definitions.map((file) => lintFile(host, file));
  const known = [...others.map((file) => lintFile(host, file)), ...linted];
  const parents = checkParents(
    known.flatMap(toChild),
    // Who is not root cannot see which images are there, and is not warned of them.
    (name) =>
      isImageName(name) &&
      (host.userId !== 0 || probeImage(host, rootDirectory, name) !== undefined),
  );
  const findings = [
    ...wanted.findings,
    ...linted.flatMap(({ checked }) =>
      checked.kind === "valid" ? checked.definition.warnings : checked.faults,
    ),
    ...parents.filter(({ path }) => paths.has(path)),
  ];
  findings.push(
    ...linted.flatMap(({ checked }) =>
      checked.kind === "valid" ? checkUsedFiles(host, checked.definition) : [],
    ),
  );
  if (hasAnsible(host)) findings.push(...(await lintSyntax(host, linted, rootDirectory)));
  else if (linted.some(({ checked }) => needsAnsible(checked))) {
    host.log.info("Ansible is not installed here, so tasks and roles were not looked at.");
  }
  return { count: linted.length, findings };
}

function lintFile(host: LintHost, file: DefinitionFile): Linted {
  return { file, checked: checkDefinition(readDefinitionText(host, file), file) };
}

const needsAnsible = (checked: CheckedDefinition): boolean =>
  checked.kind === "valid" && checked.definition.needsAnsible;

/** With the roles and collections that a build would find. */
async function lintSyntax(
  host: LintHost,
  linted: readonly Linted[],
  rootDirectory: string,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const { file, checked } of linted) {
    if (!needsAnsible(checked)) continue;
    const { directory } = file;
    const requirements = findRequirements(host, { rootDirectory, directory });
    // Who is not root cannot see which are installed.
    const installed =
      requirements !== undefined && host.userId === 0 && isInstalled(host, requirements);
    const finding = await checkSyntax(host, file, installed ? requirements.kept : undefined);
    if (finding === undefined) continue;
    if (requirements !== undefined && !installed && isAbsence(finding)) {
      host.log.info(
        `${file.path}: ${requirements.path} is not installed yet, so not all was looked at.`,
      );
    } else findings.push(finding);
  }
  return findings;
}

function toChild({ file, checked }: Linted): Child[] {
  if (checked.kind === "faulty") return [];
  const { create } = checked.definition;
  const parent = creatorOf(create).parent(create.options);
  return [{ name: file.name, parent, place: { path: file.path, ...checked.createdAt } }];
}

function chooseDefinitions(
  host: LintHost,
  found: FoundDefinitions,
  words: readonly string[],
): FoundDefinitions {
  const definitions: DefinitionFile[] = [];
  const findings: Finding[] = [];
  for (const word of words) {
    const path = probePath(host, word);
    if (path !== undefined) {
      definitions.push(path);
      continue;
    }
    const name = parseImageName(word);
    const file = found.definitions.find((one) => one.name === name);
    const told = findingsOf(found, name);
    if (file === undefined && told.length === 0) throw missingDefinition(name, found);
    if (file !== undefined) definitions.push(file);
    findings.push(...told);
  }
  return { ...found, definitions, findings };
}

/** A word that ends as a file of YAML is a path. */
function probePath(host: LintHost, word: string): DefinitionFile | undefined {
  const stem = stemOf(basename(word));
  if (stem === undefined) return undefined;
  const file = probeDefinition(host, word, parseImageName(stem));
  if (file !== undefined) return file;
  throw new RunnerError({
    kind: "usage",
    message: `There is no file "${escapeUntrusted(word)}".`,
    hints: ["Give the name of an image, or the path of a definition."],
  });
}
