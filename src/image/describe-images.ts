/** What `chroot-list` shows of each image. */
import type { Host } from "../host/host.ts";
import { listMachines } from "../machine/machine-list.ts";
import { readValue } from "../record/record.ts";
import type { TreeId } from "../text/names.ts";
import { type Image, listImages } from "./find-image.ts";
import { type Generation, listGenerations } from "./generations/generations.ts";
import { readManifest } from "./generations/manifest.ts";
import { readTreeId } from "./tree-id.ts";
import { treeSize } from "./tree-size.ts";

export interface ImageDescription {
  readonly name: string;
  readonly storage: string;
  /** As `du` counts: data shared with other trees counts in each. */
  readonly sizeBytes: number;
  /** ISO 8601. */
  readonly changed: string;
  /** Machines of running jobs. */
  readonly inUseBy: readonly string[];
  /** The file that declares it; nothing for one made by hand, or whose file is gone. */
  readonly definition: string | undefined;
  /** Whether it was built from a definition that is not there any more. */
  readonly orphan: boolean;
  readonly generations: readonly GenerationDescription[];
}

export interface GenerationDescription {
  readonly version: string;
  readonly current: boolean;
  readonly pinned: boolean;
  readonly builtAt: string;
  readonly sizeBytes: number;
  readonly inUseBy: readonly string[];
}

/** `definitions` are the files that declare images. */
export async function describeImages(
  host: Host,
  store: { readonly rootDirectory: string; readonly storage: { readonly kind: string } },
  definitions: ReadonlyMap<string, string>,
): Promise<ImageDescription[]> {
  const users = listMachines(host).map(({ name, state }) => ({
    name,
    source: readValue(state)?.source,
  }));
  const usersOf = (id: TreeId | undefined): string[] =>
    users.filter((user) => id !== undefined && user.source === id).map((user) => user.name);
  const descriptions: ImageDescription[] = [];
  for (const image of listImages(host, store.rootDirectory)) {
    const generations = listGenerations(host, store.rootDirectory, image.name);
    const plain = { rootDirectory: store.rootDirectory, tree: image.tree };
    const trees =
      generations.length === 0 ? [readTreeId(host, plain)] : generations.map((one) => one.id);
    const definition = definitions.get(image.name);
    const declared = readValue(readManifest(host, image.tree))?.definition;
    descriptions.push({
      name: image.name,
      storage: store.storage.kind,
      ...(await sizeAndAge(host, image)),
      inUseBy: trees.flatMap(usersOf),
      definition,
      orphan: definition === undefined && declared !== undefined,
      generations: generations.map((one) => describeGeneration(one, usersOf(one.id))),
    });
  }
  return descriptions;
}

async function sizeAndAge(
  host: Host,
  image: Image,
): Promise<Pick<ImageDescription, "sizeBytes" | "changed">> {
  const manifest = readValue(readManifest(host, image.tree));
  if (manifest !== undefined) return { sizeBytes: manifest.sizeBytes, changed: manifest.builtAt };
  const modifiedMs = host.files.probe(image.tree)?.modifiedMs ?? 0;
  return {
    sizeBytes: await treeSize(host, image.tree),
    changed: new Date(modifiedMs).toISOString(),
  };
}

function describeGeneration(
  generation: Generation,
  inUseBy: readonly string[],
): GenerationDescription {
  const { version, current, pinned, manifest, changedMs } = generation;
  return {
    version,
    current,
    pinned,
    builtAt: manifest?.builtAt ?? new Date(changedMs).toISOString(),
    sizeBytes: manifest?.sizeBytes ?? 0,
    inUseBy,
  };
}
