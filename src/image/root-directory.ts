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
  // By itself: what is made on the way to something in it would be open for a moment.
  host.files.ensureDirectory(path, CLOSED);
  host.files.ensureDirectory(`${path}/${MARK}`, 0o755);
}

/** Makes it where there is none; one that is there stays as it is. */
export function ensureRootDirectory(host: FilesHost, path: string): void {
  if (host.files.probe(path) === undefined) setUpRootDirectory(host, path);
}

/**
 * Lets nobody but root reach what is in it. Files of images are the host's root's on the disk, those
 * with setuid bits and device nodes too, whoever made them; and an image that was put there by hand is
 * a root file system that has to be open inside. So it is closed above them all, as systemd closes
 * /var/lib/machines: one that an earlier release has left open, or a person has made, too. For root.
 */
export function closeRootDirectory(host: Pick<Host, "files" | "log">, path: string): void {
  if (host.files.probe(path) === undefined) return;
  const real = host.files.realPath(path);
  const { mode = 0, uid = 0 } = host.files.probe(real) ?? {};
  if (uid !== 0) {
    throw new RunnerError({
      kind: "system",
      message: `The root directory "${path}" belongs to user ${uid}, who could exchange its images.`,
      hints: [`Give it to root: chown root: "${path}"`],
    });
  }
  if ((mode & OTHERS) === 0) return;
  if (isOfTheHost(real, mode)) {
    throw new RunnerError({
      kind: "system",
      message: `The root directory "${path}" is one that others of the host need, and cannot be closed to them.`,
      hints: [
        `Set root_directory to one for images alone, such as "${real === "/" ? "" : real}/nspawn-runner".`,
      ],
    });
  }
  host.files.setMode(real, CLOSED);
  host.log.info(
    `Only root can look into "${path}" from now on: setuid programs of images are in it.`,
  );
}

const CLOSED = 0o700;
const OTHERS = 0o077;
const STICKY = 0o1000;

/** Those of hier(7) that other programs pass through on their way. */
const OF_THE_HOST =
  /^\/(|(bin|boot|dev|etc|home|lib(64)?|opt|proc|run|sbin|srv|sys|usr|var)|(usr|var)\/[^/]+)$/;

const isOfTheHost = (path: string, mode: number): boolean =>
  (mode & STICKY) !== 0 || OF_THE_HOST.test(path);

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
