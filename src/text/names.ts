/** Names that reach paths, units and command lines: branded, and made by their parsers alone. */
import { RunnerError } from "./errors.ts";
import { escapeUntrusted } from "./escape.ts";

export type ImageName = string & { readonly __brand: "ImageName" };
/** Which tree a tree is; see `image/tree-id.ts`. */
export type TreeId = string & { readonly __brand: "TreeId" };
export type MachineName = string & { readonly __brand: "MachineName" };

const IMAGE_NAME_LENGTH_MAX = 100;
/** sethostname(2): HOST_NAME_MAX is 64; systemd wants machine names to be host names. */
const MACHINE_NAME_LENGTH_MAX = 60;

/** Throws a job error that says what a name may look like. */
export function parseImageName(text: string): ImageName {
  const reason = imageNameFault(text);
  if (reason === undefined) return text as ImageName; // checked just above
  throw new RunnerError({
    kind: "job",
    message: `"${escapeUntrusted(text, 80)}" cannot be the name of an image: ${reason}.`,
    hints: [
      `An image name has 1 to ${IMAGE_NAME_LENGTH_MAX} letters, digits and ". _ + : @ -", and begins with a letter or digit.`,
    ],
  });
}

export function isImageName(text: string): text is ImageName {
  return imageNameFault(text) === undefined;
}

function imageNameFault(text: string): string | undefined {
  if (text === "") return "it is empty";
  if (text.length > IMAGE_NAME_LENGTH_MAX) return `it has ${text.length} characters`;
  if (text.includes("/")) return 'it holds a "/"';
  if (!/^[A-Za-z0-9]/.test(text)) return "it begins with neither a letter nor a digit";
  if (!/^[A-Za-z0-9._+:@-]+$/.test(text)) return "it holds a character that is not allowed";
  if (text.endsWith(".v")) return 'names ending in ".v" are kept for generations';
  return undefined;
}

/** Those of release 0.1.0 are their generations' versions. */
export function isTreeId(value: unknown): value is TreeId {
  return typeof value === "string" && /^[A-Za-z0-9-]{8,64}$/.test(value);
}
/**
 * No machine's: `nspawn-runner-gc.service` is a unit of ours (packaging/), and
 * `nspawn_runner-build.slice` the one that all machines of builds are in.
 */
export const RESERVED_MACHINE_NAMES: readonly string[] = ["build", "gc"];

export function isMachineName(text: string): text is MachineName {
  if (RESERVED_MACHINE_NAMES.includes(text)) return false;
  return text.length <= MACHINE_NAME_LENGTH_MAX && /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(text);
}

/** Throws a usage error: machine names come from us or from `--id`. */
export function parseMachineName(text: string): MachineName {
  if (isMachineName(text)) return text;
  throw new RunnerError({
    kind: "usage",
    message: `"${escapeUntrusted(text, 80)}" cannot be the name of a machine.`,
    hints: [
      `Use 1 to ${MACHINE_NAME_LENGTH_MAX} lower-case letters, digits and "-", with a letter or digit at both ends; not ${RESERVED_MACHINE_NAMES.map((name) => `"${name}"`).join(" or ")}.`,
    ],
  });
}

/**
 * One component of a systemd unit name: all but [A-Za-z0-9:_] becomes `\xNN`, as systemd-escape(1)
 * does, so that a dash makes no level of slices.
 */
export function escapeUnitName(text: string): string {
  const bytes = Buffer.from(text);
  return Array.from(bytes, (byte, index) => {
    const character = String.fromCharCode(byte);
    const plain = /[A-Za-z0-9:_]/.test(character) || (character === "." && index > 0);
    return plain ? character : `\\x${byte.toString(16).padStart(2, "0")}`;
  }).join("");
}

/** What `escapeUnitName` was given. */
export function unescapeUnitName(text: string): string {
  return text.replace(/\\x([0-9a-f]{2})/g, (_, digits) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
}
