/** From a name to the tree that jobs get. Looks, changes nothing. */
import type { Host } from "../host/host.ts";
import { RunnerError } from "../text/errors.ts";
import { escapeUntrusted } from "../text/escape.ts";
import { type ImageName, isImageName, parseImageName } from "../text/names.ts";
import { nearestName } from "../text/nearest.ts";

export interface Image {
  readonly name: ImageName;
  /**
   * `plain`: a directory put there by hand. `generations`: `NAME.v/` with a link `current` to one
   * of its immutable `NAME_<version>/` directories (the `.v` of systemd.v(7)).
   */
  readonly kind: "plain" | "generations";
  readonly tree: string;
  /** Of the current generation; nothing for a plain image. */
  readonly version: string | undefined;
}

type FilesHost = Pick<Host, "files">;

export const generationsDirectory = (rootDirectory: string, name: ImageName): string =>
  `${rootDirectory}/${name}.v`;

/** All images of a root directory, by name. An absent root directory has none. */
export function listImages(host: FilesHost, rootDirectory: string): Image[] {
  if (host.files.probe(rootDirectory) === undefined) return [];
  const names = host.files.list(rootDirectory).map((entry) => entry.replace(/\.v$/, ""));
  return [...new Set(names)]
    .filter(isImageName)
    .map((name) => probeImage(host, rootDirectory, name))
    .filter((image) => image !== undefined);
}

/** The image of that name, or nothing. */
export function probeImage(
  host: FilesHost,
  rootDirectory: string,
  name: ImageName,
): Image | undefined {
  const generations = generationsDirectory(rootDirectory, name);
  const target = host.files.readLink(`${generations}/current`);
  if (target !== undefined) {
    if (!target.startsWith(`${name}_`) || target.includes("/")) return undefined;
    return imageAt(host, {
      name,
      kind: "generations",
      version: target.slice(name.length + 1),
      tree: `${generations}/${target}`,
    });
  }
  const plain = `${rootDirectory}/${name}`;
  if (host.files.probe(plain)?.kind === "link") {
    const target = aliasTarget(host, rootDirectory, name);
    return target && probeImage(host, rootDirectory, target);
  }
  return imageAt(host, { name, kind: "plain", version: undefined, tree: plain });
}

/**
 * The name that an image has on the disk, of whatever names it is asked for by: to be known before
 * anything is locked or put in order. The image need not be there yet.
 */
export function resolveAlias(host: FilesHost, rootDirectory: string, name: string): string {
  if (!isImageName(name)) return name;
  if (host.files.probe(`${rootDirectory}/${name}.v/current`) !== undefined) return name;
  return aliasTarget(host, rootDirectory, name) ?? name;
}

/** Where the link of that name leads; nothing where that is the name of no link, or of an image. */
export function linkTarget(
  host: FilesHost,
  rootDirectory: string,
  name: ImageName,
): string | undefined {
  if (host.files.probe(`${generationsDirectory(rootDirectory, name)}/current`)) return undefined;
  return host.files.readLink(`${rootDirectory}/${name}`);
}

/** A link `stable` → `trixie` is a second name of an image beside it; others lead nowhere. */
function aliasTarget(
  host: FilesHost,
  rootDirectory: string,
  name: ImageName,
): ImageName | undefined {
  const target = host.files.readLink(`${rootDirectory}/${name}`);
  if (target === undefined || !isImageName(target)) return undefined;
  if (host.files.probe(`${rootDirectory}/${target}`)?.kind === "link") return undefined;
  return target;
}

/**
 * The image that a job asked for. A name that cannot be one, a missing image and a link that
 * leaves the root directory are job errors; the error lists the images there are. A link to an image
 * that is missing is the host's fault.
 */
export function findImage(host: FilesHost, rootDirectory: string, text: string): Image {
  const name = parseImageName(text);
  const image = probeImage(host, rootDirectory, name);
  if (image !== undefined) return image;
  const target = linkTarget(host, rootDirectory, name);
  if (target !== undefined) throw unusableLink(host, { rootDirectory, name, target });
  const names: readonly string[] = listImages(host, rootDirectory).map((known) => known.name);
  const near = nearestName(name, names);
  throw new RunnerError({
    kind: "job",
    message: `There is no image "${escapeUntrusted(name)}".`,
    hints: [
      ...(near === undefined ? [] : [`Did you mean "${near}"?`]),
      names.length === 0
        ? `There are no images in "${rootDirectory}" yet: create one with "nspawn-runner chroot-create NAME".`
        : `The images are: ${names.join(", ")}.`,
    ],
  });
}

function unusableLink(
  host: FilesHost,
  link: { readonly rootDirectory: string; readonly name: ImageName; readonly target: string },
): RunnerError {
  const { rootDirectory, name, target } = link;
  const image = aliasTarget(host, rootDirectory, name);
  if (image !== undefined) {
    return new RunnerError({
      kind: "system",
      message: `Cannot use the image "${name}": it is a second name of "${image}", and there is no such image.`,
      hints: [
        `Create that ("nspawn-runner chroot-create ${image}"), or remove the name ("nspawn-runner chroot-remove ${name}").`,
      ],
    });
  }
  return new RunnerError({
    kind: "job",
    message: `Cannot use the image "${name}": it is a link to "${escapeUntrusted(target)}". Links are followed to an image beside them, once, and not out of "${rootDirectory}".`,
    hints: ["Move the directory itself there, or bind mount it."],
  });
}

function imageAt(host: FilesHost, image: Image): Image | undefined {
  return host.files.probe(image.tree)?.kind === "directory" ? image : undefined;
}

/** Whether a machine of this tree boots: it has a systemd (found where nspawn would). */
export function hasSystemd(host: Pick<Host, "trees">, tree: string): boolean {
  return hasProgram(host, tree, ["usr/lib/systemd/systemd", "lib/systemd/systemd"]);
}

export function hasBash(host: Pick<Host, "trees">, tree: string): boolean {
  return hasProgram(host, tree, ["usr/bin/bash", "bin/bash"]);
}

// Links are taken as present: where they lead is decided inside the machine, not on the host.
function hasProgram(host: Pick<Host, "trees">, root: string, paths: readonly string[]): boolean {
  using tree = host.trees.open(root);
  return paths.some((path) => {
    const kind = tree.probe(path)?.kind;
    return kind === "file" || kind === "link";
  });
}
