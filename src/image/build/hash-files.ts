/**
 * Whether files are the same as before, as one text. Few and small ones by what they hold, so that a
 * fresh checkout of the same is the same; else by size, time and inode, which costs no reading.
 */
import { createHash } from "node:crypto";
import type { Host } from "../../host/host.ts";
import { PASSED_OVER } from "../definition/used-files.ts";

/** What mkosi makes beside its configuration. */
const MADE = ["cache", "output", "builddir", "workspace"].map((name) => `mkosi.${name}`);

/** Of what find(1) tells of a tree: some thousand files. */
const MARKS_LENGTH_MAX = 200_000;
const CONTENT_BYTES_MAX = 1_000_000;

export function hashFiles(
  host: Pick<Host, "files">,
  paths: readonly string[],
  options: { readonly follow: boolean },
): string {
  const sum = createHash("sha256");
  for (const path of paths) {
    sum.update(`${path}\0`);
    const facts = host.files.probe(path);
    if (facts?.kind === "file") {
      // Most are single files: no command has to be started for those.
      const marks = `f ${facts.sizeBytes} ${facts.mode} ${facts.modifiedMs} ${facts.inode}`;
      for (const part of describeFiles(host, path, `\0${marks}\0`)) sum.update(part);
      continue;
    }
    const marks = host.files.readMarks(path, { ...options, passOver: [...PASSED_OVER, ...MADE] });
    if (marks.length > MARKS_LENGTH_MAX) sum.update(marks);
    else for (const part of describeFiles(host, path, marks)) sum.update(part);
  }
  return sum.digest("hex");
}

/** Sorted, since a copy of a directory lists its files in another order. */
function describeFiles(
  host: Pick<Host, "files">,
  path: string,
  marks: string,
): (string | Uint8Array)[] {
  const parts = marks.split("\0");
  const files = Array.from({ length: Math.floor(parts.length / 2) }, (_, index) => ({
    name: parts[2 * index] ?? "",
    facts: parts[2 * index + 1] ?? "",
  })).sort((one, other) => (one.name < other.name ? -1 : 1));
  return files.flatMap(({ name, facts }) => {
    const [kind, size = "0", mode = "", ...rest] = facts.split(" ");
    if (kind === "d") return [`${name}\0${kind} ${mode}\0`];
    const small = kind === "f" && Number(size) <= CONTENT_BYTES_MAX;
    const content = small ? readIfThere(host, name === "" ? path : `${path}/${name}`) : undefined;
    if (content !== undefined) return [`${name}\0${mode}\0`, content, "\0"];
    // The inode of a link says nothing.
    return [`${name}\0${kind === "l" ? rest.slice(2).join(" ") : facts}\0`];
  });
}

/** It may have gone since it was listed, or be nobody's to read: then its marks tell. */
function readIfThere(host: Pick<Host, "files">, path: string): Uint8Array | undefined {
  try {
    return host.files.readBytes(path);
  } catch {
    return undefined;
  }
}
