/** `prepare --dry-run`: the plan as text, and a host on which nothing has changed. */
import { describe, expect, test } from "bun:test";
import { makeSystem } from "../../test/fakes/fake-commands.ts";
import { BTRFS, EXT4, type FakeDisk, type FileSystem, XFS } from "../../test/fakes/fake-disk.ts";
import { openComputer } from "../../test/fakes/fake-host.ts";
import { prepareAction } from "../cli/prepare.ts";
import type { StorageKind } from "../storage/storage.ts";

function openPlace(kind: StorageKind, fileSystem: FileSystem, more = "") {
  const computer = openComputer({ mounts: { "/images": fileSystem } });
  const { disk } = computer;
  const text = `root_directory = "/images"\nstorage = "${kind}"\n${more}`;
  disk.create("open", "/config.toml", { kind: "file", mode: 0o644, text });
  makeSystem(disk, "/images/debian");
  return computer;
}

interface Wish {
  readonly id?: string;
  readonly packages?: string;
  readonly image?: string;
}

async function dryRun(
  kind: StorageKind,
  fileSystem: FileSystem,
  { image = "debian", ...options }: Wish,
  arrange: (disk: FakeDisk) => void = () => {},
) {
  const { disk, start, systemd } = openPlace(kind, fileSystem);
  arrange(disk);
  const before = disk.describe("/");
  const environment = { NSPAWN_RUNNER_CONFIG: "/config.toml" };
  const { host, printed, effects } = start({ environment });
  const end = await prepareAction({ host, version: "0" }, image, { ...options, dryRun: true });
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

const firstLines = (text: string, count: number): string =>
  text.split("\n").slice(0, count).join("\n");

test("a directory that came by hand is made clonable first", async () => {
  const { text } = await dryRun("btrfs", BTRFS, { id: "try-1" });
  expect(firstLines(text, 4)).toMatchInlineSnapshot(`
    "Made first:
      the directory "/images/debian" becomes a subvolume, once for all jobs

    Machine   try-1"
  `);
});

test("packages are installed first, and the machine can only be planned then", async () => {
  const { text } = await dryRun("overlay", EXT4, { id: "try-1", packages: "hello cmake" });
  expect(text).toMatchInlineSnapshot(`
    "Made first:
      a copy of image "debian" gets cmake, hello

    The machine can be planned once that is there.
    "
  `);
});

test("an image that is declared and missing is built first", async () => {
  const declare = (disk: FakeDisk): void => {
    const text = "- hosts: all\n  vars:\n    nspawn_runner_create: {mmdebstrap: {suite: trixie}}\n";
    disk.create("open", "/images/trixie.yaml", { kind: "file", mode: 0o644, text });
  };
  const { text } = await dryRun("overlay", EXT4, { id: "try-1", image: "trixie" }, declare);
  expect(text).toMatchInlineSnapshot(`
    "Made first:
      image "trixie", which is declared, is built

    The machine can be planned once that is there.
    "
  `);
});

test("an image that nothing declares is the author's to mend", async () => {
  await expect(dryRun("overlay", EXT4, { image: "trixy" })).rejects.toThrow("There is no image");
});

describe("a job that names no image", () => {
  const failing = async (toml: string, defaultImage?: string): Promise<unknown> => {
    const { start } = openPlace("overlay", EXT4, toml);
    const { host } = start({ environment: { NSPAWN_RUNNER_CONFIG: "/config.toml" } });
    const options = { dryRun: true, ...(defaultImage === undefined ? {} : { defaultImage }) };
    return prepareAction({ host, version: "0" }, undefined, options).catch((error) => error);
  };

  test.each([
    ["the setting", 'default_image = "debain"\n', undefined, 'default_image in "/config.toml"'],
    ["the option", "", "debain", "--default-image in prepare_args"],
    ["the option, of no name", "", "a/b", "--default-image in prepare_args"],
  ])("is not to blame for %s", async (_title, toml, option, hint) => {
    const error = await failing(toml, option);
    expect(error).toMatchObject({ kind: "system", cause: { kind: "job" } });
    expect(error).toMatchObject({ hints: expect.arrayContaining([expect.stringContaining(hint)]) });
  });

  test("is its author's where there is no default one", async () => {
    expect(await failing("")).toMatchObject({ kind: "job" });
  });
});

test("a device that this host has not is told of with who has decided it", async () => {
  const rule = '[[rule]]\nname = "kvm"\ndevices = ["/dev/kvm"]\n';
  const { start } = openPlace("overlay", EXT4, rule);
  const { host } = start({ environment: { NSPAWN_RUNNER_CONFIG: "/config.toml" } });
  const act = () => prepareAction({ host, version: "0" }, "debian", { dryRun: true });
  await expect(act()).rejects.toMatchObject({
    kind: "system",
    message: `The job's machine is to have the device "/dev/kvm", which this host has not.`,
    hints: ['Loosened: devices /dev/kvm (rule 1 "kvm").', expect.anything()],
  });
});
