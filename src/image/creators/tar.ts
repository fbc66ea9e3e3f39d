/** A root file system out of an archive: a file, or an address with the checksum of what is there. */
import * as v from "valibot";
import { type CreateStep, type Creator, type Tool, UNPACKING } from "./creator.ts";
import { ADDRESS, byForm, hostPath, line, strictOptions, word } from "./options.ts";

const source = line(
  "https://example.org/rootfs.tar.xz",
  "The archive: a file (a relative path begins at the definition's) or an address",
);

const entries = strictOptions("tar", {
  source: v.pipe(
    source,
    v.check(
      (text) => !ADDRESS.test(text) || /^https?:\/\//.test(text),
      "must be a file, or an address that begins with https:// or http://",
    ),
  ),
  sha256: v.optional(
    word(
      /^[0-9a-f]{64}$/,
      "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
      "Checksum of the archive; an address needs one",
    ),
  ),
  strip_components: v.optional(
    v.pipe(
      v.number("must be a number"),
      v.integer("must be a whole number"),
      v.minValue(0, "must not be negative"),
      v.maxValue(20, "must not be above 20"),
      v.description("Leading parts that are removed from all names in the archive"),
    ),
    0,
  ),
});

type Options = v.InferOutput<typeof entries>;

const options = v.pipe(
  entries,
  v.forward(
    v.partialCheck(
      [["source"], ["sha256"]],
      ({ source, sha256 }) => !ADDRESS.test(source) || sha256 !== undefined,
      'is an address: give the "sha256" of the archive as well',
    ),
    ["source"],
  ),
);

export const tar: Creator<Options> = {
  title: "an archive, from a file or an address with its checksum",
  schema: byForm<Options>([
    v.pipe(
      source,
      v.check(
        (text) => !ADDRESS.test(text),
        'is an address, which needs a checksum: give "source" and "sha256"',
      ),
      v.transform((text): Options => ({ source: text, strip_components: 0 })),
    ),
    options,
  ]),
  version: 1,
  tools: (chosen) => [
    { command: "tar", debian: "tar" },
    ...(chosen.sha256 === undefined ? [] : [{ command: "sha256sum", debian: "coreutils" }]),
    ...(ADDRESS.test(chosen.source) ? [{ command: "curl", debian: "curl" }] : []),
    ...decompressor(chosen.source),
  ],
  rolling: () => false,
  installsPackages: () => false,
  inputs: (chosen, { directory }) =>
    ADDRESS.test(chosen.source) ? [] : [hostPath(directory, chosen.source)],
  parent: () => undefined,
  plan: (chosen, { work, directory }) => {
    const archive = `${work}/${ARCHIVE}`;
    return [
      ADDRESS.test(chosen.source)
        ? download(chosen.source, archive)
        : copy(hostPath(directory, chosen.source), archive),
      ...(chosen.sha256 === undefined ? [] : [verify(chosen.sha256, archive)]),
      {
        kind: "unpack",
        tool: "tar",
        argv: [
          ...["bash", "-c", UNPACK, "unpack"],
          // Names are the archive's, and stay below the tree; numbers are not the host's users'; all
          // attributes but those that overlayfs goes by (trusted.overlay.*), of which the tree is a layer.
          ...["--extract", `--file=${UNPACKING.work}/${ARCHIVE}`],
          ...["--numeric-owner", "--same-permissions", "--same-owner"],
          ...[
            "--xattrs",
            "--xattrs-include=*",
            "--xattrs-exclude=trusted.*",
            "--acls",
            "--force-local",
          ],
          ...(chosen.strip_components === 0
            ? []
            : [`--strip-components=${chosen.strip_components}`]),
          `--directory=${UNPACKING.tree}`,
        ],
      },
    ];
  },
};

/** It has no suffix: tar knows compressions by their content. */
const ARCHIVE = "archive";

/**
 * Devices, which nearly every archive of a system has, cannot be made there, and a machine has its own.
 * tar goes on without them, and tells each; anything else that it tells is a failure.
 */
const UNPACK = `
told=$(mktemp) && tar "$@" 2>"$told"
code=$?
cat "$told" >&2
[ "$code" = 2 ] && [ -s "$told" ] || exit "$code"
! grep --quiet --invert-match --extended-regexp \\
  '^tar: (.*: Cannot mknod: Operation not permitted|Exiting with failure status due to previous errors)$' \\
  "$told"`;

/** What unpacks it may not read what is root's alone; and what was checked is what is unpacked. */
const copy = (from: string, to: string): CreateStep => ({
  kind: "run",
  argv: ["cp", "--reflink=auto", "--", from, to],
});

const download = (address: string, path: string): CreateStep => ({
  kind: "run",
  argv: [
    ...["curl", "--fail", "--silent", "--show-error", "--location", "--retry", "3"],
    // Where a server redirects to, too.
    ...["--proto", "=https,http", "--output", path, "--", address],
  ],
});

const verify = (sha256: string, path: string): CreateStep => ({
  kind: "run",
  argv: ["sha256sum", "--check", "--strict"],
  input: checksumLine(sha256, path),
});

/** A line as sha256sum(1) writes and reads it: some characters are escaped, and a "\" says so. */
export function checksumLine(sha256: string, path: string): string {
  const escaped = path.replace(/[\\\n\r]/g, (character) =>
    character === "\\" ? "\\\\" : character === "\n" ? "\\n" : "\\r",
  );
  return `${escaped === path ? "" : "\\"}${sha256}  ${escaped}\n`;
}

/** tar starts these by name. */
function decompressor(source: string): readonly Tool[] {
  if (/\.t?xz$/.test(source)) return [{ command: "xz", debian: "xz-utils" }];
  if (/\.t?zst$/.test(source)) return [{ command: "zstd", debian: "zstd" }];
  if (/\.(t?bz2|tbz)$/.test(source)) return [{ command: "bzip2", debian: "bzip2" }];
  if (/\.t?gz$/.test(source)) return [{ command: "gzip", debian: "gzip" }];
  return [];
}
