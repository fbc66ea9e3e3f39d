/** Definitions for lab tests: a runner with a directory of them, and images that go after the test. */
import { expect } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { command, later, openRunner, type Place, type Runner } from "./harness.ts";

export interface Declared {
  readonly runner: Runner;
  readonly directory: string;
  /** Writes `NAME.yaml`, whose first play has these variables, and what follows. */
  declare(name: string, variables: Readonly<Record<string, unknown>>, more?: string): string;
  /** Versions, oldest first, and which is current. */
  generations(name: string): Promise<readonly Generation[]>;
}

export interface Generation {
  readonly version: string;
  readonly current: boolean;
  readonly pinned: boolean;
}

/** To be called in a test: what it makes is removed behind it. */
export function openDeclared(place: Place, more = ""): Declared {
  const directory = mkdtempSync("/tmp/nspawn-runner-definitions-");
  const runner = openRunner(place, `definitions_directory = "${directory}"\n${more}`);
  const names = new Set<string>();
  later(async () => {
    rmSync(directory, { recursive: true });
    for (const name of names) await removeImage(place, name);
    expectNothingHalf(place);
  });
  return {
    runner,
    directory,
    declare: (name, variables, text = "") => {
      names.add(name);
      const vars = Object.entries(variables).map(
        ([key, value]) => `    nspawn_runner_${key}: ${JSON.stringify(value)}\n`,
      );
      const path = `${directory}/${name}.yaml`;
      mkdirSync(directory, { recursive: true });
      writeFileSync(path, `- hosts: all\n  vars:\n    of: test\n${vars.join("")}${text}`);
      return path;
    },
    generations: async (name) => {
      const listed = await runner.call("chroot-list", name, "--json");
      return JSON.parse(listed.stdout)[0]?.generations ?? [];
    },
  };
}

/** Whatever state it is in. */
async function removeImage(place: Place, name: string): Promise<void> {
  const remove = `for tree in ${place.root}/${name}.v/*_*; do
    [ ! -d "$tree" ] || btrfs -q subvolume delete "$tree" 2>/dev/null || rm -rf "$tree"
  done
  rm -rf ${place.root}/${name}.v ${place.root}/.logs/${name}_* ${place.root}/.logs/${name}.packages_*`;
  await command("bash", "-c", remove);
}

/** No draft and no machine of a build is left. */
export function expectNothingHalf(place: Place): void {
  const list = (path: string): string[] => (existsSync(path) ? readdirSync(path) : []);
  expect(list(`${place.root}/.drafts`)).toEqual([]);
  expect(list(`${place.root}/.machines`).filter((name) => name.startsWith("build-"))).toEqual([]);
  const machines = list("/run/nspawn-runner/machines");
  expect(machines.filter((name) => name.startsWith("build-"))).toEqual([]);
}

/** A root file system of busybox, by a shell command of the definition, which runs `then` in it. */
export function busybox(place: Place, then = ""): { readonly command: string } {
  return { command: `cp -a ${place.root}/nobash/. "$1"\ncd "$1"\n${then}` };
}
