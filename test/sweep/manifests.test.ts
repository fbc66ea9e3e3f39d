/** A manifest that somebody has broken makes nothing run with other rights than its image says. */
import { expect, test } from "bun:test";
import { forgetExtended } from "../../src/image/packages/extended-images.ts";
import { STORAGES } from "../../src/storage/detect.ts";
import type { FakeComputer } from "../fakes/fake-host.ts";
import {
  cleanup,
  create,
  login,
  openChanging,
  prepare,
  prepareWithPackages,
  ROOT,
  run,
} from "./sweep.ts";

function breakManifest({ disk }: FakeComputer, directory: string, text: string): void {
  const { entries } = disk.directoryAt("scandir", directory);
  const broken = [...entries].filter(([name]) => name.endsWith(".json"));
  expect(broken).toHaveLength(1);
  for (const [, node] of broken) if (node.kind === "file") node.text = text;
}

const BROKEN = [
  ["a comma too many", '{"format":2,"image":"debian",}'],
  ["notes of a person", "user: nobody"],
  ["its first half", '{"format":2,"image":"deb'],
  ["nothing", ""],
] as const;

test.each(BROKEN)(
  "no machine and no shell comes of an image whose manifest holds %s",
  async (_, text) => {
    const computer = openChanging({ kind: "overlay", image: "none" });
    await run(computer, create);
    breakManifest(computer, `${ROOT}/debian.v`, text);
    const started: string[] = [];
    for (const command of [prepare, login]) {
      const process = computer.start();
      await expect(command(process)).rejects.toThrow(/which describes it, cannot be read/);
      started.push(...process.effects.filter((effect) => effect.startsWith("systemd-run")));
    }
    expect(started).toEqual([]);
  },
);

test("added packages whose manifest was cut off are installed once more", async () => {
  const computer = openChanging({ kind: "overlay", image: "generations" });
  await run(computer, prepareWithPackages);
  await run(computer, cleanup);
  breakManifest(computer, `${ROOT}/.packages`, "");
  const process = computer.start();
  await prepareWithPackages(process);
  expect(process.said.join("\n")).toContain("Adding cmake, hello");
});

test("added packages stay while the machine lives whose manifest was cut off", async () => {
  const computer = openChanging({ kind: "overlay", image: "generations" });
  await run(computer, prepareWithPackages);
  breakManifest(computer, `${ROOT}/.packages`, "");
  const store = { rootDirectory: ROOT, storage: STORAGES.overlay };
  const trees = (): number =>
    [...computer.disk.directoryAt("scandir", `${ROOT}/.packages`).entries.values()].filter(
      ({ kind }) => kind === "directory",
    ).length;
  await forgetExtended(computer.start().host, store, { count: 0, bytes: 0 });
  expect(trees()).toBe(1);
  await run(computer, cleanup);
  await forgetExtended(computer.start().host, store, { count: 0, bytes: 0 });
  expect(trees()).toBe(0);
});
