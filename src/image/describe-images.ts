/** What `chroot-list` shows of each image. */
import type { Host } from "../host/host.ts";
import { listMachines } from "../machine/machine-list.ts";
import { listImages } from "./find-image.ts";

export interface ImageDescription {
  readonly name: string;
  readonly storage: string;
  /** As `du` counts: data shared with other trees counts in each. */
  readonly sizeBytes: number;
  /** ISO 8601. */
  readonly changed: string;
  /** Machines of running jobs. */
  readonly inUseBy: readonly string[];
}

/** Who uses an image is for root to see; others are told of no machine. */
export async function describeImages(
  host: Host,
  store: { readonly rootDirectory: string; readonly storage: { readonly kind: string } },
): Promise<ImageDescription[]> {
  const machines = (host.userId === 0 ? listMachines(host) : []).filter(
    (machine) => machine.state?.rootDirectory === store.rootDirectory,
  );
  const descriptions: ImageDescription[] = [];
  for (const image of listImages(host, store.rootDirectory)) {
    const facts = host.files.probe(image.tree);
    descriptions.push({
      name: image.name,
      storage: store.storage.kind,
      sizeBytes: await treeSize(host, image.tree),
      changed: new Date(facts?.modifiedMs ?? 0).toISOString(),
      inUseBy: machines
        .filter((machine) => machine.state?.image === image.name)
        .map((machine) => machine.name),
    });
  }
  return descriptions;
}

async function treeSize(host: Host, tree: string): Promise<number> {
  const listed = await host.processes.run(["du", "--summarize", "--block-size=1", "-x", tree]);
  return Number.parseInt(listed.stdout, 10) || 0;
}
