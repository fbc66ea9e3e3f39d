/** A job is root in its machine, and can make subvolumes there, of any name, read-only ones too. */
import { expect } from "bun:test";
import { deleteTree } from "../../src/storage/delete-tree.ts";
import type { ClonePlan, StorageHost } from "../../src/storage/storage.ts";
import type { StorageBench } from "./describe-storage.ts";
import { describeTree } from "./sample-tree.ts";

/** What a storage whose trees are subvolumes promises besides. */
export function describeSubvolumes(suite: {
  withSource: (name: string, body: (bench: StorageBench, source: string) => Promise<void>) => void;
  cloneOf: (bench: StorageBench, source: string, machine?: string) => Promise<ClonePlan>;
}): void {
  const { withSource, cloneOf } = suite;
  const nest = async ({ host }: StorageBench, path: string, readOnly = false): Promise<void> => {
    await host.processes.exec(["btrfs", "subvolume", "create", path]);
    host.files.writeText(`${path}/file`, "nested");
    if (readOnly) await setReadOnly(host, path);
  };
  const setReadOnly = (host: StorageHost, path: string) =>
    host.processes.exec(["btrfs", "property", "set", "-ts", path, "ro", "true"]);

  withSource(
    "remove takes subvolumes that were made inside, at any depth",
    async (bench, source) => {
      const { tree, directory } = await cloneOf(bench, source);
      await nest(bench, `${tree}/one`);
      await nest(bench, `${tree}/one/two`);
      await nest(bench, `${tree}/deep/er/three`);
      await deleteTree(bench.host, directory);
      expect(bench.host.files.list(bench.directory)).toEqual(["source"]);
    },
  );

  withSource("remove takes read-only subvolumes, with others inside", async (bench, source) => {
    const { tree, directory } = await cloneOf(bench, source);
    await nest(bench, `${tree}/outer`);
    await nest(bench, `${tree}/outer/inner`, true);
    await setReadOnly(bench.host, `${tree}/outer`);
    await setReadOnly(bench.host, tree);
    await deleteTree(bench.host, directory);
    expect(bench.host.files.list(bench.directory)).toEqual(["source"]);
  });

  withSource("no name of a subvolume leads remove elsewhere", async (bench, source) => {
    const { host } = bench;
    const { tree, directory } = await cloneOf(bench, source);
    // Were subvolumes read from lines of text, "x path …/link/source" would be a line of its own.
    const inside = `${directory.split("/").at(-1)}/${tree.split("/").at(-1)}`;
    const forged = `a\nID 999 gen 9 top level 5 path b/${inside}/link`;
    let place = tree;
    for (const part of forged.split("/")) {
      place = `${place}/${part}`;
      host.files.createDirectory(place, 0o755);
    }
    host.files.link(bench.directory, `${tree}/link`);
    await nest(bench, `${place}/source`);
    const before = describeTree(host, source);
    await deleteTree(host, directory);
    expect(host.files.list(bench.directory)).toEqual(["source"]);
    expect(describeTree(host, source)).toEqual(before);
  });
}
