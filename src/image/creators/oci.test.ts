import { expect, test } from "bun:test";
import { factsOf, faultsOf, planOf } from "./testing.ts";

test("a reference without a transport is one of a registry", () => {
  expect(planOf({ oci: "debian:trixie" })).toMatchInlineSnapshot(`
    "bash -c 'version=$("$1" --version | grep --only-matching --max-count=1 "[0-9][0-9.]*" | head -n 1)
    oldest=$(printf "%s\\n" "$2" "$version" | sort --version-sort | head -n 1)
    [ "$oldest" = "$2" ] && exit
    echo "This host'\\''s $1 is of version $version. Before $2 it has flaws that images of strangers can use: install a newer one." >&2
    exit 1' require-version umoci 0.4.7
    skopeo copy --dest-compress-format=gzip docker://debian:trixie oci:/scratch/oci:image
    unpack: umoci raw unpack --image /run/nspawn-runner/work/oci:image /run/nspawn-runner/tree"
  `);
  expect(factsOf({ oci: "debian:trixie" })).toMatchInlineSnapshot(`
    {
      "inputs": [],
      "installsPackages": false,
      "parent": undefined,
      "rolling": true,
      "tools": "skopeo:skopeo umoci:umoci",
    }
  `);
});

const copyOf = (plan: string) => plan.split("\n").find((text) => text.startsWith("skopeo"));

const digest = `registry.example/debian@sha256:${"0".repeat(64)}`;

test.each([
  ["docker://registry.example:5000/debian:trixie", "docker://registry.example:5000/debian:trixie"],
  ["registry.example:5000/debian", "docker://registry.example:5000/debian"],
  [digest, `docker://${digest}`],
  ["oci:layouts/debian:trixie", "oci:/defs/layouts/debian:trixie"],
  ["oci:/srv/layout", "oci:/srv/layout"],
  ["oci-archive:debian.tar", "oci-archive:/defs/debian.tar"],
  ["docker-archive:debian.tar:debian:trixie", "docker-archive:/defs/debian.tar:debian:trixie"],
])("%p is read from %p", (image, reference) => {
  expect(copyOf(planOf({ oci: image }))).toBe(
    `skopeo copy --dest-compress-format=gzip ${reference} oci:/scratch/oci:image`,
  );
});

test("all options", () => {
  expect(
    copyOf(
      planOf({
        oci: { image: "x/y:1", architecture: "arm64", auth_file: "auth.json", tls_verify: false },
      }),
    ),
  ).toBe(
    "skopeo --override-arch=arm64 copy --dest-compress-format=gzip --src-authfile=/defs/auth.json --src-tls-verify=false docker://x/y:1 oci:/scratch/oci:image",
  );
});

test("what changes by itself", () => {
  expect(factsOf({ oci: digest }).rolling).toBe(false);
  expect(factsOf({ oci: "oci:layout:tag" })).toMatchObject({
    rolling: false,
    inputs: ["/defs/layout"],
  });
});

test("a password has no place in a definition or on a command line", () => {
  expect(faultsOf({ oci: "docker://me:secret@registry.example/x" })).toBe(
    'create.oci must not hold a "@" but that of a digest: names and passwords belong into an auth file (containers-auth.json(5))',
  );
});
