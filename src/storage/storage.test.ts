/** Every storage kind on the fake host's file systems, which proves the fakes honest. */
import { expect, test } from "bun:test";
import {
  describeStorage,
  type StorageBench,
  type Visit,
} from "../../test/conformance/describe-storage.ts";
import { BTRFS, EXT4, FAT, type FileSystem, XFS } from "../../test/fakes/fake-disk.ts";
import { openComputer } from "../../test/fakes/fake-host.ts";
import { STORAGES } from "./detect.ts";
import type { ClonePlan, StorageHost, StorageKind } from "./storage.ts";

const PLACES: Readonly<Record<StorageKind, { fits: FileSystem; unfit: FileSystem | undefined }>> = {
  btrfs: { fits: BTRFS, unfit: EXT4 },
  reflink: { fits: XFS, unfit: EXT4 },
  overlay: { fits: EXT4, unfit: FAT },
  tmpfs: { fits: EXT4, unfit: undefined },
};

for (const storage of Object.values(STORAGES)) {
  const { fits, unfit } = PLACES[storage.kind];
  describeStorage(storage, async (): Promise<StorageBench> => {
    const computer = openComputer({
      mounts: { "/fits": fits, ...(unfit === undefined ? {} : { "/unfit": unfit }) },
    });
    const { host } = computer.start();
    return {
      host,
      directory: "/fits",
      unfit: unfit === undefined ? undefined : "/unfit",
      visit: async (plan, visits) =>
        visits.flatMap((visit) =>
          (plan.mounts.length === 0 ? inTree : inLayers)(host, plan, visit),
        ),
      [Symbol.asyncDispose]: async () => {},
    };
  });
}

function inTree({ files }: StorageHost, { tree }: ClonePlan, visit: Visit): string[] {
  const path = `${tree}/${visit.path}`;
  if (visit.verb === "read") {
    return [files.probe(path) === undefined ? "absent" : files.readText(path)];
  }
  if (visit.verb === "write") files.writeText(path, visit.text);
  else files.remove(path);
  return [];
}

/** The kernel's overlayfs in small; something that is no file hides what is below it. */
function inLayers({ files }: StorageHost, plan: ClonePlan, visit: Visit): string[] {
  const { upper } = plan.mounts.find((step) => step.kind === "overlay") ?? { upper: "" };
  const above = `${upper}/${visit.path}`;
  files.ensureDirectory(above.slice(0, above.lastIndexOf("/")), 0o755);
  if (visit.verb !== "read") files.remove(above);
  switch (visit.verb) {
    case "write":
      files.writeText(above, visit.text);
      return [];
    case "remove":
      files.makeFifo(above, { mode: 0, ownerId: 0 });
      return [];
    case "read": {
      const below = `${plan.source}/${visit.path}`;
      const path = files.probe(above) === undefined ? below : above;
      return [files.probe(path)?.kind === "file" ? files.readText(path) : "absent"];
    }
  }
}

test("a plan holds nothing but what it was asked for", () => {
  for (const storage of Object.values(STORAGES)) {
    const plan = storage.planClone({
      source: "/s",
      sourceMode: 0o750,
      directory: "/d",
      memoryBytes: 7,
    });
    expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
  }
});
