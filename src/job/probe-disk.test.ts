import { expect, test } from "bun:test";
import { BTRFS, EXT4, type FileSystem, XFS } from "../../test/fakes/fake-disk.ts";
import { openComputer } from "../../test/fakes/fake-host.ts";
import { STORAGES } from "../storage/detect.ts";
import type { StorageKind } from "../storage/storage.ts";
import { probeDisk } from "./probe-disk.ts";

function probe(kind: StorageKind, fileSystem: FileSystem) {
  const { host } = openComputer({ mounts: { "/images": fileSystem } }).start();
  return probeDisk(host, { rootDirectory: "/images", storage: STORAGES[kind] });
}

test.each([
  ["btrfs", { ...BTRFS, quotas: "simple" }],
  ["reflink", { ...XFS, quotas: "projects" }],
  ["overlay", { ...EXT4, quotas: "projects" }],
  ["tmpfs", EXT4],
] as const)("%s keeps a limit where its file system does", (kind, fileSystem) => {
  expect(probe(kind, fileSystem)).toEqual({ storage: kind, fit: { kind: "fits" } });
});

test.each([
  ["btrfs", BTRFS, "has no simple quotas", "btrfs quota enable --simple /images"],
  ["reflink", XFS, "project quotas", "prjquota"],
  ["overlay", EXT4, "project quotas", "tune2fs"],
  ["overlay", { ...BTRFS, quotas: "simple" }, "no quotas that", 'storage = "btrfs"'],
] as const)("%s without them says what to turn on: %p", (kind, fileSystem, what, how) => {
  expect(probe(kind, fileSystem).fit).toMatchObject({
    kind: "unfit",
    reason: expect.stringContaining(what),
    hint: expect.stringContaining(how),
  });
});
