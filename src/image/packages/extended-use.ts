/** What is known of an image with added packages besides its manifest: its base, and its last use. */
import * as v from "valibot";
import type { Host } from "../../host/host.ts";
import {
  formatRecord,
  type RecordHost,
  type RecordKind,
  type RecordRead,
  readRecord,
  readValue,
} from "../../record/record.ts";
import { formatError } from "../../text/format-error.ts";
import { isTreeId, type TreeId } from "../../text/names.ts";

const entries = { image: v.string(), addedBytes: v.number() };
const useSchema = v.object({
  ...entries,
  /** The tree of the image that this one was made from; 0.1.0 knew it by device and inode. */
  base: v.optional(v.custom<TreeId>(isTreeId)),
});

export type ExtendedUse = v.InferOutput<typeof useSchema>;

export const EXTENDED_USE: RecordKind<ExtendedUse> = {
  what: "the base of an image with added packages",
  format: 2,
  schemas: { 1: v.object(entries), 2: useSchema },
};

export const usePath = (tree: string): string => `${tree}.use`;

export function writeUse(host: Pick<Host, "files">, tree: string, use: ExtendedUse): void {
  host.files.writeDurable(usePath(tree), formatRecord(EXTENDED_USE, use), 0o600);
}

export function readUse(host: RecordHost, tree: string): RecordRead<ExtendedUse> {
  return readRecord(host, usePath(tree), EXTENDED_USE);
}

/**
 * By the file's time, which any number of jobs can set at once without hurting each other. `base` is
 * what the job knows it was made from: of 0.1.0's only its key says that.
 */
export function noteUse(
  host: Pick<Host, "files" | "clock" | "log">,
  tree: string,
  base: TreeId,
): void {
  try {
    const use = readValue(readUse(host, tree));
    if (use !== undefined && use.base === undefined) writeUse(host, tree, { ...use, base });
    host.files.setModified(usePath(tree), host.clock.nowMs());
  } catch (error) {
    // It is forgotten sooner than it should be; that is no reason for a job to fail.
    host.log.warn(`Cannot note that "${tree}" was used. ${formatError(error, { debug: false })}`);
  }
}

export function lastUsedMs(host: Pick<Host, "files">, tree: string): number {
  return host.files.probe(usePath(tree))?.modifiedMs ?? 0;
}
