/** A tree to clone, and what is to be the same in its clone. */
import type { StorageHost } from "../../src/storage/storage.ts";

/** A tree of every kind of file, with modes and owners that are not the usual ones. */
export function fillTree(host: StorageHost, tree: string): void {
  const { files } = host;
  for (const path of ["etc", "deep", "deep/er"]) files.createDirectory(`${tree}/${path}`, 0o755);
  files.createDirectory(`${tree}/root`, 0o700);
  files.writeText(`${tree}/etc/name`, "source");
  files.writeText(`${tree}/deep/er/file`, "deep");
  files.writeText(`${tree}/sudo`, "program", 0o755);
  files.setOwner(`${tree}/root`, 33);
  files.link("etc/name", `${tree}/alias`);
  files.link("nowhere", `${tree}/dangling`);
  files.makeFifo(`${tree}/fifo`, { mode: 0o600, ownerId: 7 });
}

/** All that a copy must have kept, a line each. */
export function describeTree(host: Pick<StorageHost, "files">, tree: string, path = ""): string[] {
  const { files } = host;
  const facts = files.probe(`${tree}${path}`);
  if (facts === undefined) return [`${path}/ absent`];
  const line = `${path} ${facts.kind} ${facts.mode.toString(8)} ${facts.uid}`;
  switch (facts.kind) {
    case "directory":
      return [
        line,
        ...files
          .list(`${tree}${path}`)
          .flatMap((entry) => describeTree(host, tree, `${path}/${entry}`)),
      ];
    case "file":
      return [`${line} ${files.readText(`${tree}${path}`)}`];
    case "link":
      return [`${line} ${files.readLink(`${tree}${path}`)}`];
    case "device":
    case "other":
      return [line];
  }
}
