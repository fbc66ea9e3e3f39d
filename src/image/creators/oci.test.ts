import { expect, test } from "bun:test";
import { factsOf, faultsOf, planOf } from "./testing.ts";

test("a reference without a transport is one of a registry", () => {
  expect(planOf({ oci: "debian:trixie" })).toMatchInlineSnapshot(`
    "skopeo copy --dest-compress-format=gzip docker://debian:trixie oci:/scratch/oci:image
    umoci unpack --image /scratch/oci:image /scratch/bundle
    chown --reference=/scratch/bundle/rootfs /tree
    chmod --reference=/scratch/bundle/rootfs /tree
    find /scratch/bundle/rootfs -mindepth 1 -maxdepth 1 -exec mv --target-directory=/tree '{}' +"
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
  expect(planOf({ oci: image }).split("\n")[0]).toBe(
    `skopeo copy --dest-compress-format=gzip ${reference} oci:/scratch/oci:image`,
  );
});

test("all options", () => {
  expect(
    planOf({
      oci: { image: "x/y:1", architecture: "arm64", auth_file: "auth.json", tls_verify: false },
    }).split("\n")[0],
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
