/**
 * The directory that images and clones are in, often a file system of its own. It is never empty once
 * it was set up. An empty one is what is left in its place when that file system is not mounted: in
 * there every image is missing, by no job's fault, and none must be built.
 */
import type { Host } from "../host/host.ts";
import { RunnerError } from "../text/errors.ts";

/** Says that one without an image is the right one. A directory: it is made at once, or not at all. */
const MARK = ".nspawn-runner";
/** A new ext4 has it, and nobody has set that up. */
const LOST_AND_FOUND = "lost+found";

type FilesHost = Pick<Host, "files">;

/** Makes it, empty as it may be, the place for images: for a person who creates the first one. */
export function setUpRootDirectory(host: FilesHost, path: string): void {
  host.files.ensureDirectory(`${path}/${MARK}`, 0o755);
}

/** Makes it where there is none; one that is there stays as it is. */
export function ensureRootDirectory(host: FilesHost, path: string): void {
  if (host.files.probe(path) === undefined) setUpRootDirectory(host, path);
}

/** Throws when there can be no images: the host's fault, not a job's. Changes nothing. */
export function requireRootDirectory(host: FilesHost, path: string): void {
  if (host.files.probe(path) === undefined) {
    throw new RunnerError({
      kind: "system",
      message: `The root directory "${path}" is not there.`,
      hints: [
        "Create a first image, and it will be: nspawn-runner chroot-create trixie",
        "Or mount it, or set root_directory to where the images are.",
      ],
    });
  }
  if (!isStray(host, path)) return;
  throw new RunnerError({
    kind: "system",
    message: `The root directory "${path}" is empty: is its file system not mounted?`,
    hints: [
      `Mount it; "findmnt --target ${path}" says what is there.`,
      "Or, when it is new, create a first image: nspawn-runner chroot-create",
    ],
  });
}

function isStray(host: FilesHost, path: string): boolean {
  return host.files.list(path).every((entry) => entry === LOST_AND_FOUND);
}
