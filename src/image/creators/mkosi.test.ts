import { expect, test } from "bun:test";
import { factsOf, planOf } from "./testing.ts";

test("a text is the directory", () => {
  expect(planOf({ mkosi: "trixie.mkosi" })).toMatchInlineSnapshot(`
    "mkdir -- /scratch/mkosi
    mkosi --directory=/defs/trixie.mkosi --format=directory --output=image --output-directory=/scratch/mkosi --workspace-directory=/scratch --use-subvolumes=no --force build
    chown --reference=/scratch/mkosi/image /tree
    chmod --reference=/scratch/mkosi/image /tree
    find /scratch/mkosi/image -mindepth 1 -maxdepth 1 -exec mv --target-directory=/tree '{}' +"
  `);
  expect(factsOf({ mkosi: "trixie.mkosi" })).toMatchInlineSnapshot(`
    {
      "inputs": [
        "/defs/trixie.mkosi",
      ],
      "installsPackages": true,
      "parent": undefined,
      "rolling": true,
      "tools": "mkosi:mkosi",
    }
  `);
});

test("profiles, and the packages of the definition", () => {
  expect(
    planOf({ mkosi: { directory: "/srv/m", profiles: ["ci"] } }, { packages: ["curl"] }),
  ).toContain("--profile=ci --package=curl --force build");
});
