/** `chroot-diff NAME A [B]`. */
import { readConfig } from "../config/config.ts";
import { requireGenerations } from "../image/generations/change-generations.ts";
import { type Change, diffGenerations } from "../image/generations/diff.ts";
import { findGeneration } from "../image/generations/generations.ts";
import { escapeUntrusted, formatJson } from "../text/escape.ts";
import type { Action } from "./context.ts";
import { openImageStore } from "./image-store.ts";

const SIGN = { added: "+", removed: "-", changed: "~" } as const;

export const chrootDiffAction: Action<
  [string, string, string | undefined, { json?: boolean; packages?: boolean }]
> = async ({ host }, image, from, to, options) => {
  const store = await openImageStore(host, await readConfig(host));
  const { name, generations } = requireGenerations(host, store, image);
  const current = generations.find((generation) => generation.current)?.version;
  const diff = diffGenerations(
    host,
    findGeneration(generations, { name, version: from }),
    findGeneration(generations, { name, version: to ?? current ?? "" }),
  );
  if (options.json) {
    host.print(formatJson(diff));
    return "success";
  }
  const files = options.packages ? [] : diff.files;
  const lines = [...diff.packages.map(describePackage), ...files.map(describeFile)];
  host.print(lines.map((line) => `${line}\n`).join(""));
  if (lines.length === 0) host.log.info("They are the same.");
  return "success";
};

function describePackage(change: Change): string {
  const versions = [change.from, change.to].filter((version) => version !== undefined);
  return `${SIGN[change.kind]} ${shown(change.name)} ${versions.map(shown).join(" → ")}`;
}

const describeFile = (change: Change): string => `${SIGN[change.kind]} ${shown(change.name)}`;

/** Of paths no call takes more. */
const NAME_MAX = 4096;

const shown = (text: string): string => escapeUntrusted(text, NAME_MAX);
