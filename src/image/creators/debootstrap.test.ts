import { expect, test } from "bun:test";
import { factsOf, faultsOf, planOf } from "./testing.ts";

test("by its name alone", () => {
  expect(planOf("debootstrap", { packages: ["curl"] })).toMatchInlineSnapshot(
    `"debootstrap --force-check-sig --variant=minbase --include=systemd,systemd-sysv,dbus,bash,ca-certificates,git,git-lfs,hostname,iproute2,procps trixie /tree"`,
  );
  expect(factsOf("debootstrap")).toMatchInlineSnapshot(`
    {
      "inputs": [],
      "installsPackages": false,
      "parent": undefined,
      "rolling": true,
      "tools": "debootstrap:debootstrap",
    }
  `);
});

test("all options", () => {
  const create = {
    debootstrap: {
      suite: "noble",
      mirror: "http://archive.ubuntu.com/ubuntu",
      components: ["main", "universe"],
      variant: "important",
      architecture: "arm64",
      keyring: "ubuntu.gpg",
    },
  };
  expect(planOf(create)).toMatchInlineSnapshot(
    `"debootstrap --force-check-sig --include=systemd,systemd-sysv,dbus,bash,ca-certificates,git,git-lfs,hostname,iproute2,procps --components=main,universe --arch=arm64 --keyring=/defs/ubuntu.gpg noble /tree http://archive.ubuntu.com/ubuntu"`,
  );
  expect(factsOf(create).inputs).toEqual(["/defs/ubuntu.gpg"]);
});

test("a variant that is none is refused", () => {
  expect(faultsOf({ debootstrap: { variant: "apt" } })).toBe(
    "create.debootstrap.variant must be one of minbase, buildd, important",
  );
});
