/** The definitions of this host, for the commands that work with them. */
import { definitionDirectories } from "../config/choices.ts";
import type { Config } from "../config/config.ts";
import type { Host } from "../host/host.ts";
import type { Definition } from "../image/definition/definition.ts";
import { findDefinitions, readDefinition } from "../image/definition/find-definitions.ts";
import { formatFinding } from "../image/definition/finding.ts";
import { parentOf } from "../image/maintenance/maintain-images.ts";
import { parseImageName } from "../text/names.ts";

/** Which file declares which image. What cannot be a definition is warned of. */
export function declaredImages(host: Host, config: Config): ReadonlyMap<string, string> {
  const { definitions, findings } = findDefinitions(host, definitionDirectories(config));
  for (const finding of findings) host.log.warn(formatFinding(finding));
  return new Map(definitions.map((file) => [file.name, file.path]));
}

/** A definition that was read, or why it cannot be. */
export type ReadDefinition =
  | { readonly kind: "read"; readonly definition: Definition }
  | { readonly kind: "faulty"; readonly name: string; readonly error: unknown };

/** The named definitions, or all; one that is faulty hides none of the others. */
export function readDefinitions(
  host: Host,
  config: Config,
  names: readonly string[],
): readonly ReadDefinition[] {
  const directories = definitionDirectories(config);
  const wanted =
    names.length === 0 ? [...declaredImages(host, config).keys()] : [...new Set(names)];
  return wanted.map((name): ReadDefinition => {
    try {
      return { kind: "read", definition: readDefinition(host, parseImageName(name), directories) };
    } catch (error) {
      return { kind: "faulty", name, error };
    }
  });
}

/** The same with the declared images that they extend: those are needed first. */
export function withParents(
  host: Host,
  config: Config,
  read: readonly ReadDefinition[],
): readonly ReadDefinition[] {
  const names = new Set(read.map((one) => (one.kind === "read" ? one.definition.name : one.name)));
  const declared = declaredImages(host, config);
  const parents = read.flatMap((one) => {
    const parent =
      one.kind === "read" ? parentOf(host, config.rootDirectory, one.definition) : undefined;
    return parent !== undefined && !names.has(parent) && declared.has(parent) ? [parent] : [];
  });
  if (parents.length === 0) return read;
  return withParents(host, config, [...read, ...readDefinitions(host, config, parents)]);
}
