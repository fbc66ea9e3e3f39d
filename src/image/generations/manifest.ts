/** What is known of a generation: one JSON file beside its tree, written before it is published. */
import * as v from "valibot";
import type { Host } from "../../host/host.ts";
import {
  formatRecord,
  type RecordHost,
  type RecordKind,
  type RecordRead,
  readRecord,
} from "../../record/record.ts";
import { RunnerError } from "../../text/errors.ts";
import { isTreeId, type TreeId } from "../../text/names.ts";
import { unreachable } from "../../text/unreachable.ts";

const settingsSchema = v.object({
  user: v.optional(
    v.object({ name: v.string(), uid: v.number(), gid: v.number(), home: v.string() }),
  ),
  environment: v.record(v.string(), v.string()),
  readyTarget: v.optional(v.string()),
  limits: v.object({
    memoryBytes: v.optional(v.number()),
    cpus: v.optional(v.number()),
    tasks: v.optional(v.number()),
  }),
});

/** Hashes and names of all that an image is made from; see `build/inputs.ts`. */
const inputsSchema = v.object({
  definition: v.string(),
  files: v.string(),
  create: v.string(),
  /** `NAME/VERSION` of the image that this one extends; empty for most. */
  parent: v.string(),
  /** The day or week of the build, for what changes by itself; else empty. */
  bucket: v.string(),
  /** Hash of what a person gave the playbook for that one run; empty for most. */
  words: v.optional(v.string(), ""),
});

const entries = {
  image: v.string(),
  version: v.string(),
  /** What made it: a definition, a shell, or a job's request for packages. */
  origin: v.picklist(["definition", "login", "packages"]),
  /** The file that declared it. */
  definition: v.optional(v.string()),
  inputs: v.optional(inputsSchema),
  /** ISO 8601. */
  builtAt: v.string(),
  buildSeconds: v.number(),
  /** As `du` counts: data shared with other trees counts in each. */
  sizeBytes: v.number(),
  /** Names and versions; empty where the image has no package manager that we know. */
  packages: v.record(v.string(), v.string()),
  settings: settingsSchema,
  /** Which older generations stay beside it; see `keep.ts`. */
  keep: v.object({ count: v.number(), days: v.number() }),
  /** What its playbook did, by number of tasks; absent where there was none. */
  playbook: v.optional(
    v.object({ ok: v.number(), changed: v.number(), failed: v.number(), skipped: v.number() }),
  ),
  /** The whole output of the build. */
  log: v.optional(v.string()),
};
const manifestSchema = v.object({
  ...entries,
  /** Of the tree: see `tree-id.ts`. */
  id: v.custom<TreeId>(isTreeId),
});
/** Release 0.1.0 had no ids; its versions are as unique. */
const firstSchema = v.pipe(
  v.object({ ...entries, version: v.custom<TreeId>(isTreeId) }),
  v.transform((manifest): Manifest => ({ ...manifest, id: manifest.version })),
);

export type BuildInputs = v.InferOutput<typeof inputsSchema>;
export type Manifest = v.InferOutput<typeof manifestSchema>;

export const MANIFEST: RecordKind<Manifest> = {
  what: "what is known of a generation",
  format: 2,
  schemas: { 1: firstSchema, 2: manifestSchema },
};

export const manifestPath = (tree: string): string => `${tree}.json`;

/** On the disk when it returns: it is written beside a draft, before that is published. */
export function writeManifest(host: Pick<Host, "files">, tree: string, manifest: Manifest): void {
  host.files.writeDurable(manifestPath(tree), formatRecord(MANIFEST, manifest), 0o644);
}

/** Absent for a tree that was put there by hand. */
export function readManifest(host: RecordHost, tree: string): RecordRead<Manifest> {
  return readRecord(host, manifestPath(tree), MANIFEST);
}

/**
 * The manifest of a tree that machines or builds are about to be made from. Throws a system error
 * when there is one that cannot be read, or whose content is lost: a machine would run with other
 * rights than its image says.
 */
export function requireManifest(host: RecordHost, tree: string): Manifest | undefined {
  const read = readManifest(host, tree);
  switch (read.kind) {
    case "read":
      return read.value;
    case "absent":
      if (!read.torn) return undefined;
      // It was on the disk before the tree had its name: no crash of ours has done that.
      throw unusable(tree, "it is empty or cut off");
    case "unreadable":
      throw unusable(tree, read.reason);
    default:
      return unreachable(read);
  }
}

function unusable(tree: string, reason: string): RunnerError {
  return new RunnerError({
    kind: "system",
    message: `Cannot use "${tree}": "${manifestPath(tree)}", which describes it, cannot be read.`,
    hints: [
      "Was it made by a newer nspawn-runner? Then use that, or make another generation current (chroot-rollback).",
      "Or remove the file: the next maintenance builds a declared image anew. Until then its jobs run as root.",
    ],
    cause: new Error(reason),
  });
}

export function removeManifest(host: Pick<Host, "files">, tree: string): void {
  host.files.remove(manifestPath(tree));
}
