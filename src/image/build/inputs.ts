/** What an image is made from, as hashes: whether there is anything to do, and why. */
import { createHash } from "node:crypto";
import type { Host } from "../../host/host.ts";
import type { PlaybookWords } from "../ansible/playbook-words.ts";
import { commandText } from "../creators/command.ts";
import { creatorOf } from "../creators/creators.ts";
import type { Definition, Refresh } from "../definition/definition.ts";
import { findCommandFiles, findUsedFiles, type UsedHost } from "../definition/used-files.ts";
import type { BuildInputs } from "../generations/manifest.ts";
import { hashFiles } from "./hash-files.ts";

/** Raised when the way images are built changes, so that all are built anew. */
const BUILD_VERSION = 1;

const DAY_MS = 86_400_000;

/** Looks at the files that the definition uses. `parent` is `NAME/VERSION` of what it extends, or "". */
export function gatherInputs(
  host: Pick<Host, "files" | "clock" | "environment">,
  definition: Definition,
  parent: string,
): BuildInputs {
  const creator = creatorOf(definition.create);
  const used = findUsedFiles(host, definition).paths;
  const origin = originFiles(host, definition);
  return {
    definition: hash([definition.text]),
    files: used.length === 0 ? "" : hashFiles(host, used, { follow: true }),
    create: hash([
      String(BUILD_VERSION),
      definition.create.kind,
      String(creator.version),
      JSON.stringify(definition.create.options),
      // Links in a tree are copied as they are.
      ...(origin.length === 0 ? [] : [hashFiles(host, origin, { follow: false })]),
    ]),
    parent,
    bucket: refreshBucket(definition.refresh, host.clock.nowMs()),
    words: "",
  };
}

/** What the root file system is made from: when it changes, it is made anew. */
function originFiles(host: UsedHost, { create, directory }: Definition): readonly string[] {
  const named = creatorOf(create).inputs(create.options, { directory });
  const text = commandText(create);
  return text === undefined ? named : [...named, ...findCommandFiles(host, directory, text)];
}

/** The inputs of a build whose playbook gets words of a person's: no definition says them again. */
export const withWords = (inputs: BuildInputs, { words, changes }: PlaybookWords): BuildInputs =>
  changes ? { ...inputs, words: hash(words) } : inputs;

const hash = (texts: readonly string[]): string =>
  createHash("sha256").update(texts.join("\0")).digest("hex");

/** The day or week in which an image that changes by itself was built, in the host's own time. Pure. */
export function refreshBucket(refresh: Refresh, nowMs: number): string {
  if (refresh === "never") return "";
  const now = new Date(nowMs);
  const local = new Date(nowMs - now.getTimezoneOffset() * 60_000);
  if (refresh === "daily") return local.toISOString().slice(0, 10);
  // Weeks begin on Monday; the first day of Unix time was a Thursday.
  const week = Math.floor((Math.floor(local.getTime() / DAY_MS) + 3) / 7);
  return `week ${week}`;
}

/** Why an image has to be built anew, as half a sentence; nothing when all is as it was. Pure. */
export function explainDue(before: BuildInputs | undefined, now: BuildInputs): string | undefined {
  if (before === undefined) return "it was not built from its definition yet";
  if (before.create !== now.create) return "the way it is created has changed";
  if (before.parent !== now.parent) return "the image it extends has changed";
  if (before.definition !== now.definition) return "its definition has changed";
  if (before.words !== now.words) return "its playbook was run with words of a person's";
  if (before.files !== now.files) return "files that its definition uses have changed";
  if (before.bucket !== now.bucket) return "its packages may have changed since its last build";
  return undefined;
}

/**
 * Whether a change asks for a new root file system rather than a playbook over the old one. An image
 * that came by hand has no inputs: its definition takes over what is there. Pure.
 */
export function needsNewTree(before: BuildInputs | undefined, now: BuildInputs): boolean {
  return before !== undefined && (before.create !== now.create || before.parent !== now.parent);
}
