/**
 * A directory of a tree and a link out of it change places, thousands of times a second, while the
 * host works on the tree: whatever it does at what moment, nothing comes from outside or gets there.
 */
import { describe, expect, test } from "bun:test";
import * as fs from "node:fs";
import type { Tree } from "../../../src/host/host.ts";
import { openHost } from "../../../src/host/host.ts";
import { deleteTree } from "../../../src/storage/delete-tree.ts";
import { SOAKS } from "../../soak/soaks.ts";
import { cleanUpAfterEach, command, later, uniqueName } from "../harness.ts";

cleanUpAfterEach();

const ROUNDS = SOAKS ? 1000 : 100;
const host = openHost({ level: "quiet", signal: new AbortController().signal });

const OURS = "the tree's\n";
const THEIRS = "a secret of the host's ".padEnd(1000, "!");

/**
 * A tree with a directory `way` and a link `other` to a directory outside, which change places until
 * the test ends. Both have files of the same names.
 */
async function openRace(disk: string) {
  const top = `/fs/${disk}/${uniqueName()}`;
  const root = `${top}/tree`;
  const victim = `${top}/victim`;
  for (const directory of [`${root}/way`, victim]) {
    fs.mkdirSync(directory, { recursive: true });
    const text = directory === victim ? THEIRS : OURS;
    fs.writeFileSync(`${directory}/file`, text);
    fs.symlinkSync(text, `${directory}/link`);
    for (let round = 0; round < ROUNDS; round += 1) fs.writeFileSync(`${directory}/${round}`, text);
  }
  fs.symlinkSync(victim, `${root}/other`);
  const look = async (): Promise<string> =>
    (await command("find", victim, "-printf", "%P %y %m %U %s %l\n")).stdout;
  const before = await look();
  const swapper = Bun.spawn(
    ["perl", `${import.meta.dir}/swap.pl`, `${root}/way`, `${root}/other`],
    { stderr: "inherit" },
  );
  later(async () => {
    swapper.kill("SIGKILL");
    await swapper.exited;
    fs.rmSync(top, { recursive: true, force: true });
  });
  return { root, victim, before, look, swapper };
}

/** What the host does in a tree, in a directory that is one, a link, or neither for the moment. */
const ACCESSES: Readonly<Record<string, (tree: Tree, round: number) => unknown>> = {
  probe: (tree) => tree.probe("way/file")?.sizeBytes,
  readLink: (tree) => tree.readLink("way/link"),
  readBytes: (tree) => tree.readBytes("way/file", 1000).toString(),
  digest: (tree) => tree.digest("way/file", 1000),
  entries: (tree) => [...tree.entries().values()].map(({ facts }) => facts).join(),
  createFile: (tree, round) => tree.createFile(`way/new-${round}`, Buffer.from(OURS), 0o600),
  link: (tree, round) => tree.link("target", `way/link-${round}`),
  remove: (tree, round) => tree.remove(`way/${round}`),
};

/** What these say of what is outside. */
function answersOutside(victim: string): readonly unknown[] {
  using outside = host.trees.open(victim);
  return [THEIRS, THEIRS.length, outside.digest("file", 1000)];
}

/** A refusal is as good as what is within. */
function attempt(access: () => unknown): unknown {
  try {
    return access();
  } catch {
    return undefined;
  }
}

describe("the door into trees", () => {
  test.each(Object.keys(ACCESSES))("%s", async (name) => {
    const { root, victim, before, look } = await openRace("ext4");
    const theirs = answersOutside(victim);
    using tree = host.trees.open(root);
    const leaks: unknown[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const value = attempt(() => ACCESSES[name]?.(tree, round));
      if (theirs.includes(value)) leaks.push(value);
      if (name === "entries") expect(String(value)).not.toContain(` ${THEIRS.length},`);
    }
    expect(leaks).toEqual([]);
    expect(await look()).toBe(before);
  });

  test("by paths alone the host would read and write outside", async () => {
    const { root, before, look } = await openRace("ext4");
    let reads = 0;
    const until = performance.now() + 20_000;
    for (let round = 0; (reads === 0 || (await look()) === before) && performance.now() < until; ) {
      for (const end = round + 1000; round < end; round += 1) {
        const path = `${root}/way`;
        const value = attempt(() => fs.readFileSync(`${path}/file`, "utf8"));
        if (value === THEIRS) reads += 1;
        // As careful as one is without openat2(2): it looks first.
        attempt(() => {
          if (fs.lstatSync(path).isDirectory()) fs.writeFileSync(`${path}/planted`, "x");
        });
      }
    }
    expect(reads).toBeGreaterThan(0);
    expect(await look()).not.toBe(before);
  });
});

test.each(["btrfs", "xfs", "ext4"])("deleting a tree on %s", async (disk) => {
  for (let round = 0; round < ROUNDS / 10; round += 1) {
    const { root, before, look, swapper } = await openRace(disk);
    await deleteTree(host, root);
    expect(await look()).toBe(before);
    swapper.kill("SIGKILL");
  }
});
