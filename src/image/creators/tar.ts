/** A root file system out of an archive: a file, or an address with the checksum of what is there. */
import * as v from "valibot";
import type { CreateContext, CreateStep, Creator, Tool } from "./creator.ts";
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
  plan: (chosen, context) => {
    const archive = archivePath(chosen, context);
    return [
      ...(ADDRESS.test(chosen.source) ? [download(chosen.source, archive)] : []),
      ...(chosen.sha256 === undefined ? [] : [verify(chosen.sha256, archive)]),
      {
        kind: "run",
        argv: [
          // Its names are a trusted archive's; its numbers, not the host's users; all attributes but
          // those that overlayfs goes by (trusted.overlay.*), of which the tree is a layer.
          ...["tar", "--extract", `--file=${archive}`, "--numeric-owner", "--same-permissions"],
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
          `--directory=${context.tree}`,
        ],
      },
    ];
  },
};

/** A download keeps a name without a suffix: tar knows compressions by their content. */
const archivePath = (chosen: Options, { work, directory }: CreateContext): string =>
  ADDRESS.test(chosen.source) ? `${work}/archive` : hostPath(directory, chosen.source);

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
