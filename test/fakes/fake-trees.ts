/** The `Trees` of one process of a fake host: what `host/trees.ts` does by openat2(2). */
import type { Tree, Trees } from "../../src/host/trees.ts";
import { RunnerError } from "../../src/text/errors.ts";
import type { Effects } from "./effects.ts";
import type { FakeDisk } from "./fake-disk.ts";
import { toFacts } from "./fake-files.ts";

export function openFakeTrees(disk: FakeDisk, { change }: Pick<Effects, "change">): Trees {
  return { open: (root) => openTree(disk, root, change) };
}

function openTree(disk: FakeDisk, root: string, change: Effects["change"]): Tree {
  disk.directoryAt("open", root);
  /** As no link on the way to it is followed. */
  const beneath = (path: string): string => {
    const parts = path.split("/").filter((part) => part !== "" && part !== ".");
    let place = root;
    for (const part of parts.slice(0, -1)) {
      place = `${place}/${part}`;
      if (disk.look(place, false)?.kind !== "link") continue;
      throw new RunnerError({ kind: "system", message: `A link stands in the way: "${place}".` });
    }
    return [root, ...parts].join("/");
  };
  const look = (path: string) => {
    const place = beneath(path);
    const above = disk.look(place.slice(0, place.lastIndexOf("/")), false);
    return above?.kind === "directory" ? disk.look(place, false) : undefined;
  };
  const textOf = (path: string): string => {
    const node = look(path);
    if (node?.kind === "file") return node.text;
    throw new RunnerError({ kind: "system", message: `"${root}/${path}" is no file.` });
  };
  return {
    probe: (path) => {
      const parts = path.split("/");
      const ways = parts.map((_, count) => `${root}/${parts.slice(0, count).join("/")}`);
      if (ways.slice(1).some((way) => disk.look(way, false)?.kind === "link")) return undefined;
      const node = look(path);
      return node === undefined ? undefined : toFacts(node);
    },
    readLink: (path) => {
      const node = look(path);
      return node?.kind === "link" ? node.target : undefined;
    },
    readBytes: (path, sizeMaxBytes) => {
      const bytes = Buffer.from(textOf(path));
      if (bytes.length > sizeMaxBytes) throw new Error(`"${path}" has ${bytes.length} bytes`);
      return bytes;
    },
    createFile: (path, bytes, mode) =>
      change(`write ${root}/${path}`, () => {
        const text = Buffer.from(bytes).toString();
        disk.create("open", beneath(path), { kind: "file", mode, text });
      }),
    link: (target, path) =>
      change(`link ${root}/${path}`, () => {
        disk.create("symlink", beneath(path), { kind: "link", target });
      }),
    remove: (path) => change(`remove ${root}/${path}`, () => disk.remove(beneath(path))),
    entries: () =>
      new Map(
        disk.describe(root).flatMap((line) => {
          const [path = "", ...facts] = line.split(" ");
          if (path === root) return [];
          const isFile = disk.look(path, false)?.kind === "file";
          return [[path.slice(root.length), { isFile, facts: facts.join(" "), modifiedMs: 0 }]];
        }),
      ),
    digest: (path) => (look(path)?.kind === "file" ? textOf(path) : undefined),
    [Symbol.dispose]: () => {},
  };
}
