/**
 * Roles and collections of a `requirements.yml`: installed once for each text of it (and of the files of
 * the host that it names), then kept beside the images. A version that moves is asked for by a change.
 */
import { createHash } from "node:crypto";
import type { Host } from "../../host/host.ts";
import { WAITS } from "../../host/waits.ts";
import { discardTree } from "../../storage/trash.ts";
import { hashFiles } from "../build/hash-files.ts";
import { findCommandFiles } from "../definition/used-files.ts";

/** As long as one of so many later ones was not installed. */
const KEPT = 20;
const NAMES = ["requirements.yml", "requirements.yaml"];

export interface Requirements {
  /** The file. */
  readonly path: string;
  /** Where what it asks for is kept: `roles` and `collections`. */
  readonly kept: string;
}

/** Nothing where a definition has none. */
export function findRequirements(
  host: Pick<Host, "files" | "environment">,
  places: { readonly rootDirectory: string; readonly directory: string },
): Requirements | undefined {
  const { rootDirectory, directory } = places;
  const path = NAMES.map((name) => `${directory}/${name}`).find(
    (one) => host.files.probe(one) !== undefined,
  );
  if (path === undefined) return undefined;
  const text = host.files.readText(path);
  // Addresses of files are paths too.
  const named = findCommandFiles(host, directory, text.replaceAll("file://", ""));
  const key = createHash("sha256")
    .update(`${directory}\0${text}\0${hashFiles(host, named, { follow: true })}`)
    .digest("hex");
  return { path, kept: `${keptDirectory(rootDirectory)}/${key.slice(0, 32)}` };
}

export const isInstalled = (host: Pick<Host, "files">, { kept }: Requirements): boolean =>
  host.files.probe(kept) !== undefined;

/** Takes what was installed in `from`, as root's own. Two at once keep one of theirs. */
export async function keepRequirements(
  host: Host,
  rootDirectory: string,
  { kept, from }: { readonly kept: string; readonly from: string },
): Promise<void> {
  const directory = keptDirectory(rootDirectory);
  const draft = `${from}/kept`;
  host.files.ensureDirectory(directory, 0o700);
  host.files.createDirectory(draft, 0o755);
  for (const name of ["roles", "collections"]) {
    if (host.files.probe(`${from}/${name}`) === undefined) continue;
    const copy = ["cp", "--recursive", "--no-preserve=ownership", "--", `${from}/${name}`, draft];
    await host.processes.exec(copy, { wait: WAITS.copy });
  }
  if (host.files.probe(kept) === undefined) host.files.renameNew(draft, kept);
  const age = (name: string): number => host.files.probe(`${directory}/${name}`)?.modifiedMs ?? 0;
  const old = host.files.list(directory).sort((one, other) => age(other) - age(one));
  for (const name of old.slice(KEPT))
    await discardTree(host, rootDirectory, `${directory}/${name}`);
}

const keptDirectory = (rootDirectory: string): string => `${rootDirectory}/.requirements`;
