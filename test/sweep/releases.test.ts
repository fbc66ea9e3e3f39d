/** What another release has left on a host, or a crash, or a person: it stops nothing but itself. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { MANIFEST } from "../../src/image/generations/manifest.ts";
import { EXTENDED_USE } from "../../src/image/packages/extended-use.ts";
import { MACHINE_END, MACHINE_STATE } from "../../src/machine/machine-state.ts";
import { parseRecord, type RecordKind } from "../../src/record/record.ts";
import type { CommandTable } from "../fakes/fake-commands.ts";
import type { FakeComputer } from "../fakes/fake-host.ts";
import {
  cleanup,
  collectLater,
  create,
  emptyTrash,
  gc,
  login,
  MACHINE,
  openChanging,
  openPlace,
  type Place,
  prepare,
  prepareAnother,
  prepareWithPackages,
  ROOT,
  remove,
  run,
} from "./sweep.ts";

const SAMPLES = `${import.meta.dir}/../samples`;
const KINDS: Readonly<Record<string, RecordKind<unknown>>> = {
  "state.json": MACHINE_STATE,
  "end.json": MACHINE_END,
  "manifest.json": MANIFEST,
  "extended.json": MANIFEST,
  "extended.use": EXTENDED_USE,
};
const releases = readdirSync(SAMPLES).filter((entry) => /^\d/.test(entry));

describe.each(releases)("files of release %s", (release) => {
  test.each(Object.keys(KINDS))("%s is read", (file) => {
    const text = readFileSync(`${SAMPLES}/${release}/${file}`, "utf8");
    const kind = KINDS[file];
    if (kind === undefined) throw new Error(`no kind of file "${file}"`);
    expect(parseRecord(kind, text).kind).toBe("read");
  });
});

const PLACE: Place = { kind: "overlay", image: "generations" };
const STRANGE = "/run/nspawn-runner/machines/job-9-strange";
const OLD = `${ROOT}/debian.v/debian_0`;

/** A host on which a machine runs whose state nobody can read, and two generations. */
function openStrange(state: string): FakeComputer {
  const computer = openChanging(PLACE);
  const { disk } = computer;
  disk.ensureDirectory(STRANGE, 0o700);
  disk.create("open", `${STRANGE}/state.json`, { kind: "file", mode: 0o600, text: state });
  disk.ensureDirectory(OLD, 0o755);
  return computer;
}

test("what release 0.1.0 left in the trash stays while a machine of it may be on top of it", async () => {
  const computer = openPlace(PLACE);
  await run(computer, prepare);
  put(
    computer,
    `/run/nspawn-runner/machines/${MACHINE}/state.json`,
    readFileSync(`${SAMPLES}/0.1.0/state.json`, "utf8"),
  );
  // As it did with the directory of a plain image that was replaced.
  const lower = `${ROOT}/.trash/debian-abcdef`;
  computer.disk.ensureDirectory(`${lower}/etc`, 0o755);
  await run(computer, gc);
  await run(computer, emptyTrash);
  expect(computer.disk.look(`${lower}/etc`, false)).toBeDefined();
  await run(computer, cleanup);
  await collectLater(computer);
});

const put = ({ disk }: FakeComputer, path: string, text: string): void => {
  disk.remove(path);
  disk.create("open", path, { kind: "file", mode: 0o600, text });
};

describe.each([
  ["of a newer release", '{"format":99}'],
  ["of another shape", '{"format":2,"rootDirectory":7}'],
  ["empty", ""],
])("a machine whose state is %s", (_title, state) => {
  test("keeps every tree, by name, and stops no command", async () => {
    const computer = openStrange(state);
    await run(computer, prepare);
    await run(computer, prepareWithPackages);
    await run(computer, login);
    const process = computer.start();
    await expect(remove(process, "0")).rejects.toThrow(
      'Cannot remove from image "debian": what one of the jobs\' machines uses cannot be read.',
    );
    expect(process.said.join("\n")).toContain(`${STRANGE}/state.json`);
    expect(computer.disk.look(OLD, false)).toBeDefined();
  });

  test("is removed once it is dead, and keeps nothing then", async () => {
    const computer = openStrange(state);
    await collectLater(computer);
    expect(computer.disk.look(STRANGE, false)).toBeUndefined();
    await remove(computer.start(), "0");
    expect(computer.disk.look(OLD, false)).toBeUndefined();
  });
});

describe("one odd thing stops nothing else", () => {
  test.each<[string, string, string]>([
    ["a file among the machines", "/run/nspawn-runner/machines/.Strange_", ""],
    ["NULs among the drafts", `${ROOT}/.drafts/nuls`, "\0\0\0"],
    ["NULs for a draft's machines", `${ROOT}/.drafts/half/machines`, "build-\0\0\0\n\0"],
    ["a torn manifest", `${ROOT}/debian.v/debian_0.json`, ""],
    ["a newer release's manifest", `${ROOT}/debian.v/debian_0.json`, '{"format":99}'],
    ["an empty file of an image with packages", `${ROOT}/.packages/0123456789.use`, ""],
    ["a torn manifest of an image with packages", `${ROOT}/.packages/0123456789.json`, "{"],
    ["another firewall's state", "/run/nspawn-runner/firewall.json", "\0"],
  ])("%s", async (_title, path, text) => {
    const computer = openStrange('{"format":99}');
    computer.disk.remove(STRANGE);
    computer.disk.ensureDirectory(path.slice(0, path.lastIndexOf("/")), 0o700);
    put(computer, path, text);
    await run(computer, gc);
    await run(computer, prepareWithPackages);
    await run(computer, prepareAnother);
    await run(computer, login);
    await collectLater(computer);
  });

  test("but a newer release's manifest of the very image that a job asks for stops that job", async () => {
    const computer = openChanging(PLACE);
    put(computer, `${ROOT}/debian.v/debian_1.json`, '{"format":99}');
    await expect(run(computer, prepare)).rejects.toThrow(
      `Cannot use "${ROOT}/debian.v/debian_1": "${ROOT}/debian.v/debian_1.json", which describes it, cannot be read.`,
    );
    await run(computer, gc);
  });
});

test("what fails once an image is published is told, and the image is published nevertheless", async () => {
  const commands: CommandTable = [
    [["sync"], ({ argv }) => ({ exitCode: argv.at(-1) === `${ROOT}/debian.v` ? 1 : 0 })],
  ];
  const computer = openPlace({ kind: "overlay", image: "none" }, { commands });
  const process = computer.start();
  await create(process);
  expect(process.said.join("\n")).toContain(
    `Cannot make sure that "${ROOT}/debian.v" is on the disk.`,
  );
  await run(computer, prepare);
});
