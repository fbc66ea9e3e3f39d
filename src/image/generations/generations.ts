/** The generations of an image, as they lie in `NAME.v/`: looks, changes nothing. */
import { type RecordHost, readValue } from "../../record/record.ts";
import { RunnerError } from "../../text/errors.ts";
import type { ImageName, TreeId } from "../../text/names.ts";
import { nearestName } from "../../text/nearest.ts";
import { generationsDirectory } from "../find-image.ts";
import { readTreeId } from "../tree-id.ts";
import { type Manifest, readManifest } from "./manifest.ts";

export interface Generation {
  readonly version: string;
  readonly tree: string;
  /** Nothing for one that came by hand and was not cloned yet; see also `foreign`. */
  readonly id: TreeId | undefined;
  readonly current: boolean;
  readonly pinned: boolean;
  readonly changedMs: number;
  readonly manifest: Manifest | undefined;
  /** Whether it has a manifest that cannot be read, such as a newer release's. */
  readonly foreign: boolean;
}

export const pinPath = (tree: string): string => `${tree}.pin`;

/** Oldest first: versions begin with their time. */
export function listGenerations(
  host: RecordHost,
  rootDirectory: string,
  name: ImageName,
): Generation[] {
  const directory = generationsDirectory(rootDirectory, name);
  if (host.files.probe(directory)?.kind !== "directory") return [];
  const current = host.files.readLink(`${directory}/current`);
  const prefix = `${name}_`;
  return host.files
    .list(directory)
    .filter((entry) => entry.startsWith(prefix))
    .flatMap((entry) => {
      const tree = `${directory}/${entry}`;
      const facts = host.files.probe(tree);
      if (facts?.kind !== "directory") return [];
      const manifest = readManifest(host, tree);
      return {
        version: entry.slice(prefix.length),
        tree,
        id: readTreeId(host, { rootDirectory, tree }),
        current: entry === current,
        pinned: host.files.probe(pinPath(tree)) !== undefined,
        changedMs: facts.modifiedMs,
        manifest: readValue(manifest),
        foreign: manifest.kind === "unreadable",
      };
    });
}

/** The generation of that version. Throws a usage error that lists those there are. */
export function findGeneration(
  generations: readonly Generation[],
  request: { readonly name: ImageName; readonly version: string },
): Generation {
  const found = generations.find((generation) => generation.version === request.version);
  if (found !== undefined) return found;
  const versions = generations.map((generation) => generation.version);
  const near = nearestName(request.version, versions);
  throw new RunnerError({
    kind: "usage",
    message: `Image "${request.name}" has no generation "${request.version.slice(0, 80)}".`,
    hints: [
      ...(near === undefined ? [] : [`Did you mean "${near}"?`]),
      versions.length === 0 ? "It has none at all." : `It has: ${versions.join(", ")}.`,
    ],
  });
}
