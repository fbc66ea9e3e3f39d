/** After a job nothing of it is on the host. */
import { expect } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import type { Place } from "../../lab/harness.ts";

/** Of no machine at all: tests of one file run one after another. */
export function expectNothingLeft(place: Place): void {
  expectNoMachine(place);
  expect(list("/run/nspawn-runner/machines")).toEqual([]);
}

/** Its end may still be written down, for a stage that would ask. */
export function expectNoMachine(place: Place): void {
  expect(list(`${place.root}/.machines`)).toEqual([]);
  expect(list("/run/nspawn-runner/id-ranges")).toEqual([]);
  const listed = ["systemctl", "list-units", "--all", "--plain", "--no-legend"];
  const units = Bun.spawnSync([...listed, "nspawn-runner-*.service"])
    .stdout.toString()
    .split("\n");
  // What deletes clones, waits for a runner's end or watches the disk, is no job's.
  expect(
    units.filter((unit) => unit !== "" && !/^nspawn-runner-(trash|watch|disk)-/.test(unit)),
  ).toEqual([]);
}

/** Before the first machine there are not even the directories. */
function list(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}
