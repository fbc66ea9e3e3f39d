/** Where trees lie that machines were cloned from. Looks, changes nothing. */
import type { Host } from "../host/host.ts";
import { isImageName } from "../text/names.ts";

/** Of plain images, exchanged for others. */
export const retiredDirectory = (rootDirectory: string): string => `${rootDirectory}/.retired`;

/** Of images with packages that jobs have asked for. */
export const extendedDirectory = (rootDirectory: string): string => `${rootDirectory}/.packages`;

type FilesHost = Pick<Host, "files">;

/** Paths of all directories that are trees of images, or were. */
export function listTrees(host: FilesHost, rootDirectory: string): string[] {
  const entries = listDirectories(host, rootDirectory);
  const generations = entries.filter((path) => path.endsWith(".v"));
  return [
    ...entries.filter((path) => isImageName(path.slice(rootDirectory.length + 1))),
    ...[...generations, retiredDirectory(rootDirectory), extendedDirectory(rootDirectory)].flatMap(
      (directory) => listDirectories(host, directory),
    ),
  ];
}

function listDirectories({ files }: FilesHost, directory: string): string[] {
  if (files.probe(directory)?.kind !== "directory") return [];
  const paths = files.list(directory).map((entry) => `${directory}/${entry}`);
  return paths.filter((path) => files.probe(path)?.kind === "directory");
}
