/** `prepare --dry-run`: the plan as text, and a host on which nothing has changed. */
import { expect, test } from "bun:test";
import { makeSystem } from "../../test/fakes/fake-commands.ts";
import { BTRFS, EXT4, type FileSystem, XFS } from "../../test/fakes/fake-disk.ts";
import { openComputer } from "../../test/fakes/fake-host.ts";
import { prepareAction } from "../cli/prepare.ts";
import type { StorageKind } from "../storage/storage.ts";

function openPlace(kind: StorageKind, fileSystem: FileSystem) {
  const computer = openComputer({ mounts: { "/images": fileSystem } });
  const { disk } = computer;
  const text = `root_directory = "/images"\nstorage = "${kind}"\n`;
  disk.create("open", "/config.toml", { kind: "file", mode: 0o644, text });
  makeSystem(disk, "/images/debian");
  return computer;
}

async function dryRun(kind: StorageKind, fileSystem: FileSystem, options: { id?: string }) {
  const { disk, start, systemd } = openPlace(kind, fileSystem);
  const before = disk.describe("/");
  const environment = { NSPAWN_RUNNER_CONFIG: "/config.toml" };
  const { host, printed, effects } = start({ environment });
  const end = await prepareAction({ host, version: "0" }, "debian", { ...options, dryRun: true });
  expect(end).toBe("success");
  expect(disk.describe("/")).toEqual(before);
  expect(systemd.units.size).toBe(0);
  return { text: printed.join(""), effects };
}

test.each([
  ["btrfs", BTRFS],
  ["reflink", XFS],
  ["overlay", EXT4],
  ["tmpfs", EXT4],
] as const)("on %s", async (kind, fileSystem) => {
  const { text, effects } = await dryRun(kind, fileSystem, { id: "try-1" });
  expect(text).toMatchSnapshot();
  expect(effects.filter((effect) => !effect.startsWith("probe "))).toEqual([]);
});

test("without a name, by hand, it makes one up", async () => {
  expect((await dryRun("overlay", EXT4, {})).text).toMatch(/^Machine {3}job-0-\w+\n/);
});
