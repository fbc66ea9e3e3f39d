import { expect, test } from "bun:test";
import { factsOf, faultsOf, planOf } from "./testing.ts";

test("a text is the release", () => {
  expect(planOf({ apk: "3.22" }, { packages: ["make"] })).toMatchInlineSnapshot(`
    "bash -c '[ -e "$1" ] || { echo "There is no \\"$1\\". $2" >&2; exit 1; }' require-file /usr/share/distribution-gpg-keys/alpine-linux 'Install it: apt-get install distribution-gpg-keys; where that has no such key, give keys of your own.'
    mkdir --parents -- /tree/etc/apk/keys
    cp --recursive --dereference -- /usr/share/distribution-gpg-keys/alpine-linux/. /tree/etc/apk/keys
    write /scratch/repositories (mode 644):
      | https://dl-cdn.alpinelinux.org/alpine/v3.22/main
      | https://dl-cdn.alpinelinux.org/alpine/v3.22/community
    install -D --mode=0644 -- /scratch/repositories /tree/etc/apk/repositories
    with devices: apk --root /tree --no-cache add --initdb alpine-baselayout alpine-keys alpine-release apk-tools busybox musl-utils bash ca-certificates git git-lfs make"
  `);
  expect(factsOf({ apk: "3.22" })).toMatchInlineSnapshot(`
    {
      "inputs": [],
      "installsPackages": true,
      "parent": undefined,
      "rolling": true,
      "tools": "apk:-",
    }
  `);
});

test("all options", () => {
  const create = {
    apk: {
      release: "edge",
      mirror: "https://mirror.example/alpine",
      repositories: ["main"],
      keys: "keys",
      architecture: "aarch64",
      program: "./apk.static",
    },
  };
  expect(planOf(create)).toMatchInlineSnapshot(`
    "mkdir --parents -- /tree/etc/apk/keys
    cp --recursive --dereference -- /defs/keys/. /tree/etc/apk/keys
    write /scratch/repositories (mode 644):
      | https://mirror.example/alpine/edge/main
    install -D --mode=0644 -- /scratch/repositories /tree/etc/apk/repositories
    with devices: /defs/apk.static --root /tree --no-cache --arch aarch64 add --initdb alpine-baselayout alpine-keys alpine-release apk-tools busybox musl-utils bash ca-certificates git git-lfs"
  `);
  expect(factsOf(create)).toMatchObject({ inputs: ["/defs/keys"], tools: "" });
});

test("packages that are not signed need no keys", () => {
  const plan = planOf({ apk: { release: "3.22", signed: false } });
  expect(plan).toContain("--allow-untrusted");
  expect(plan).not.toContain("/etc/apk/keys");
});

test("YAML reads 3.20 as a number, and loses its last digit", () => {
  expect(faultsOf({ apk: { release: 3.2 } })).toBe(
    'create.apk.release must be a text, such as "3.22" (in quotes)',
  );
});
