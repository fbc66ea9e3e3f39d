/** What a job asks to be added to its image: `NSPAWN_PACKAGES: "libpq-dev cmake"`. Pure. */
import { createHash } from "node:crypto";
import { RunnerError } from "../../text/errors.ts";
import { escapeUntrusted } from "../../text/escape.ts";

/** The variable of a job. */
export const PACKAGES_VARIABLE = "NSPAWN_PACKAGES";

/** Sorted, each once, and at least one. */
export type PackageRequest = readonly string[];

const PACKAGES_MAX = 200;
/**
 * Names of the packages of every distribution that is known here, and nothing else: no option, no
 * path, no version, and no "-" at the end, which makes apt remove the package.
 */
const NAME = /^[A-Za-z0-9][A-Za-z0-9.+_-]{0,98}[A-Za-z0-9+]$/;

/** Nothing when no package is named. Throws a job error for what cannot be a package's name. */
export function parsePackageRequest(text: string | undefined): PackageRequest | undefined {
  const names = [...new Set((text ?? "").split(/[\s,]+/).filter(Boolean))].sort();
  if (names.length === 0) return undefined;
  const bad = names.find((name) => !NAME.test(name));
  if (bad === undefined && names.length <= PACKAGES_MAX) return names;
  throw new RunnerError({
    kind: "job",
    message:
      bad === undefined
        ? `${PACKAGES_VARIABLE} names ${names.length} packages; at most ${PACKAGES_MAX} are installed.`
        : `"${escapeUntrusted(bad, 60)}" in ${PACKAGES_VARIABLE} cannot be the name of a package.`,
    hints: [`Give names of the image's distribution, such as ${PACKAGES_VARIABLE}: "cmake g++".`],
  });
}

/** One name for a base and what is added to it: the same for whoever asks, in whatever order. */
export function packagesKey(baseIdentity: string, request: PackageRequest): string {
  return createHash("sha256")
    .update([baseIdentity, ...request].join("\0"))
    .digest("hex")
    .slice(0, 20);
}
