/** The door into trees, on real ones. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { makeFifo } from "./libc.ts";
import { openTrees, type Tree } from "./trees.ts";

let top = "";
let root = "";
beforeEach(() => {
  top = fs.realpathSync(fs.mkdtempSync(`${tmpdir()}/trees-`));
  root = `${top}/tree`;
  fs.mkdirSync(`${root}/etc`, { recursive: true });
  fs.mkdirSync(`${top}/outside`);
  fs.writeFileSync(`${top}/outside/file`, "the host's\n");
  fs.writeFileSync(`${root}/etc/file`, "the tree's\n");
});
afterEach(() => fs.rmSync(top, { recursive: true, force: true }));

const BOUND = 1000;
const open = (): Tree => openTrees().open(root);
const outside = (): string[] =>
  fs.readdirSync(`${top}/outside`).map((name) => {
    const { mode, size } = fs.lstatSync(`${top}/outside/${name}`);
    return `${name} ${mode} ${size}`;
  });

/** All that the door does, in a directory of the tree; each may be refused. */
const ACCESSES: Readonly<Record<string, (tree: Tree, directory: string) => unknown>> = {
  probe: (tree, directory) => tree.probe(`${directory}/file`)?.sizeBytes,
  readLink: (tree, directory) => tree.readLink(`${directory}/link`),
  readBytes: (tree, directory) => tree.readBytes(`${directory}/file`, BOUND).toString(),
  digest: (tree, directory) => tree.digest(`${directory}/file`, BOUND),
  createFile: (tree, directory) => {
    tree.createFile(`${directory}/new`, Buffer.from("new"), 0o600);
  },
  link: (tree, directory) => tree.link("/target", `${directory}/new-link`),
  remove: (tree, directory) => tree.remove(`${directory}/file`),
};
const NAMES = Object.keys(ACCESSES);
const REFUSED = NAMES.filter((name) => name !== "probe");

describe("in a tree", () => {
  test("what is there is seen, made and removed", () => {
    using tree = open();
    expect(tree.probe("etc/file")).toMatchObject({ kind: "file", sizeBytes: 11 });
    expect(tree.probe(".")).toMatchObject({ kind: "directory" });
    expect(tree.probe("none/file")).toBeUndefined();
    expect(tree.probe("etc/file/below")).toBeUndefined();
    tree.link("/anywhere", "etc/link");
    expect(tree.probe("etc/link")?.kind).toBe("link");
    expect(tree.readLink("etc/link")).toBe("/anywhere");
    expect(tree.readLink("etc/file")).toBeUndefined();
    tree.createFile("etc/new", Buffer.from([0xff, 0]), 0o640);
    expect([...tree.readBytes("etc/new", BOUND)]).toEqual([0xff, 0]);
    expect(tree.probe("etc/new")?.mode).toBe(0o640);
    for (const path of ["etc/new", "etc/link", "etc/none"]) tree.remove(path);
    expect(fs.readdirSync(`${root}/etc`)).toEqual(["file"]);
    expect([...tree.entries().keys()].sort()).toEqual(["/etc", "/etc/file"]);
  });

  test("probe sees nothing behind a link", () => {
    fs.symlinkSync(`${top}/outside`, `${root}/way`);
    fs.symlinkSync("etc", `${root}/near`);
    using tree = open();
    expect(tree.probe("way/file")).toBeUndefined();
    expect(tree.probe("near/file")).toBeUndefined();
    expect(() => tree.probe("../outside/file")).toThrow();
  });

  test.each(REFUSED)("%s follows no link out of it, nor one that stays in it", (name) => {
    const before = outside();
    for (const target of [`${top}/outside`, "../outside", "etc", "way"]) {
      fs.rmSync(`${root}/way`, { force: true });
      fs.symlinkSync(target, `${root}/way`);
      using tree = open();
      expect(() => ACCESSES[name]?.(tree, "way")).toThrow("a link stands in the way");
      expect(() => ACCESSES[name]?.(tree, `etc/../../outside`)).toThrow();
    }
    expect(outside()).toEqual(before);
    expect(fs.readdirSync(`${root}/etc`)).toEqual(["file"]);
  });

  test.each([
    ["a FIFO", (path: string) => makeFifo(path, 0o600)],
    ["a directory", (path: string) => fs.mkdirSync(path)],
    ["a link to a file", (path: string) => fs.symlinkSync(`${top}/outside/file`, path)],
    ["a link to a device", (path: string) => fs.symlinkSync("/dev/zero", path)],
  ])("%s is not read, at once", (_what, make) => {
    make(`${root}/etc/thing`);
    using tree = open();
    const startedAt = performance.now();
    expect(() => tree.readBytes("etc/thing", BOUND)).toThrow("is no file");
    expect(() => tree.digest("etc/thing", BOUND)).toThrow("is no file");
    expect(performance.now() - startedAt).toBeLessThan(1000);
  });

  test("a terabyte of nothing is not read, at once", () => {
    fs.writeFileSync(`${root}/etc/large`, "");
    fs.truncateSync(`${root}/etc/large`, 2 ** 40);
    using tree = open();
    const startedAt = performance.now();
    expect(() => tree.readBytes("etc/large", BOUND)).toThrow("the limit is 1000 bytes");
    expect(tree.digest("etc/large", BOUND)).toBeUndefined();
    expect(performance.now() - startedAt).toBeLessThan(1000);
  });

  test("a tree whose root is a link is none", () => {
    fs.symlinkSync(root, `${top}/link`);
    expect(() => openTrees().open(`${top}/link`)).toThrow();
  });

  test("comparing ends where a path is longer than any call takes", () => {
    const made = Bun.spawnSync([
      "sh",
      "-c",
      'cd "$1"; i=0; while [ $i -lt 60 ]; do mkdir "$2" && cd "$2"; i=$((i + 1)); done',
      ...["sh", root, "d".repeat(100)],
    ]);
    expect(made.exitCode).toBe(0);
    using tree = open();
    const deepest = Math.max(...[...tree.entries().keys()].map((path) => path.length));
    expect(deepest).toBeWithin(4000, 4200);
    Bun.spawnSync(["rm", "-rf", root]);
  });
});
