/** What is known of a generation: one JSON file beside its tree, written before it is published. */
import * as v from "valibot";
import type { Host } from "../../host/host.ts";
import { RunnerError } from "../../text/errors.ts";

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
});

const manifestSchema = v.object({
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
  /** The whole output of the build. */
  log: v.optional(v.string()),
});

export type BuildInputs = v.InferOutput<typeof inputsSchema>;
export type Manifest = v.InferOutput<typeof manifestSchema>;

const manifestPath = (tree: string): string => `${tree}.json`;

export function writeManifest(host: Pick<Host, "files">, tree: string, manifest: Manifest): void {
  host.files.writeText(manifestPath(tree), `${JSON.stringify(manifest, undefined, 1)}\n`, 0o644);
}

/** Nothing for a tree put there by hand. Throws a system error when the file is not ours. */
export function readManifest(host: Pick<Host, "files">, tree: string): Manifest | undefined {
  const path = manifestPath(tree);
  if (host.files.probe(path) === undefined) return undefined;
  try {
    return v.parse(manifestSchema, JSON.parse(host.files.readText(path)));
  } catch (cause) {
    throw new RunnerError({
      kind: "system",
      message: `Cannot understand "${path}", which describes a generation.`,
      hints: ["Remove the file; the next maintenance builds the image anew."],
      cause,
    });
  }
}

export function removeManifest(host: Pick<Host, "files">, tree: string): void {
  host.files.remove(manifestPath(tree));
}
