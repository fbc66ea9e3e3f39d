import { expect, test } from "bun:test";
import fc from "fast-check";
import { checksumLine } from "./tar.ts";
import { factsOf, faultsOf, planOf } from "./testing.ts";

const SHA256 = "0123456789abcdef".repeat(4);

test("a text is a file", () => {
  expect(planOf({ tar: "rootfs.tar.xz" })).toMatchInlineSnapshot(
    `
      "cp --reflink=auto -- /defs/rootfs.tar.xz /scratch/archive
      unpack: bash -c '
      told=$(mktemp) && tar "$@" 2>"$told"
      code=$?
      cat "$told" >&2
      [ "$code" = 2 ] && [ -s "$told" ] || exit "$code"
      ! grep --quiet --invert-match --extended-regexp \\
        '\\''^tar: (.*: Cannot mknod: Operation not permitted|Exiting with failure status due to previous errors)$'\\'' \\
        "$told"' unpack --extract --file=/run/nspawn-runner/work/archive --numeric-owner --same-permissions --same-owner --xattrs '--xattrs-include=*' '--xattrs-exclude=trusted.*' --acls --force-local --directory=/run/nspawn-runner/tree"
    `,
  );
  expect(factsOf({ tar: "rootfs.tar.xz" })).toMatchInlineSnapshot(`
    {
      "inputs": [
        "/defs/rootfs.tar.xz",
      ],
      "installsPackages": false,
      "parent": undefined,
      "rolling": false,
      "tools": "tar:tar xz:xz-utils",
    }
  `);
});

test("an address is downloaded, checked, and unpacked", () => {
  const create = {
    tar: { source: "https://example.org/a b.tar.zst", sha256: SHA256, strip_components: 1 },
  };
  expect(planOf(create)).toMatchInlineSnapshot(`
    "curl --fail --silent --show-error --location --retry 3 --proto =https,http --output /scratch/archive -- 'https://example.org/a b.tar.zst'
    sha256sum --check --strict
      | 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef  /scratch/archive
    unpack: bash -c '
    told=$(mktemp) && tar "$@" 2>"$told"
    code=$?
    cat "$told" >&2
    [ "$code" = 2 ] && [ -s "$told" ] || exit "$code"
    ! grep --quiet --invert-match --extended-regexp \\
      '\\''^tar: (.*: Cannot mknod: Operation not permitted|Exiting with failure status due to previous errors)$'\\'' \\
      "$told"' unpack --extract --file=/run/nspawn-runner/work/archive --numeric-owner --same-permissions --same-owner --xattrs '--xattrs-include=*' '--xattrs-exclude=trusted.*' --acls --force-local --strip-components=1 --directory=/run/nspawn-runner/tree"
  `);
  expect(factsOf(create)).toMatchInlineSnapshot(`
    {
      "inputs": [],
      "installsPackages": false,
      "parent": undefined,
      "rolling": false,
      "tools": "tar:tar sha256sum:coreutils curl:curl zstd:zstd",
    }
  `);
});

test.each([
  [
    "an address as text",
    "https://x/y.tar",
    'create.tar is an address, which needs a checksum: give "source" and "sha256"',
  ],
  [
    "an address without checksum",
    { source: "https://x/y.tar" },
    'create.tar.source is an address: give the "sha256" of the archive as well',
  ],
  [
    "another kind of address",
    { source: "ftp://x/y", sha256: SHA256 },
    "create.tar.source must be a file, or an address that begins with https:// or http://",
  ],
  ["a checksum that is none", { source: "x", sha256: "abc" }, 'create.tar.sha256 must look like "'],
  ["no source", { sha256: SHA256 }, "create.tar.source must be given"],
])("%s is refused", (_title, options, fault) => {
  expect(faultsOf({ tar: options })).toStartWith(fault);
});

test("a line of checksums names exactly one file, as sha256sum reads it", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^\/[a\\\n\r n r]{0,12}$/), (path) => {
      const line = checksumLine(SHA256, path);
      expect(line.match(/[\n\r]/g)).toEqual(["\n"]);
      const [, escaped, name = ""] = /^(\\?)[0-9a-f]{64} {2}(.*)\n$/.exec(line) ?? [];
      const read = name.replace(/\\(.)/g, (_all, letter) =>
        letter === "n" ? "\n" : letter === "r" ? "\r" : letter,
      );
      expect(escaped === "" ? name : read).toBe(path);
    }),
  );
});
