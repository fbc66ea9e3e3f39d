import { expect, test } from "bun:test";
import { factsOf, faultsOf, planOf } from "./testing.ts";

test("by its name alone: the suite that the image is named after", () => {
  expect(planOf("mmdebstrap")).toMatchInlineSnapshot(
    `"mmdebstrap --mode=root --format=directory --variant=minbase --include=systemd,systemd-sysv,dbus,bash,ca-certificates,git,git-lfs,hostname,iproute2,procps trixie /tree"`,
  );
});

test("a text is the suite; packages are installed along", () => {
  expect(
    planOf({ mmdebstrap: "bookworm" }, { name: "web", packages: ["nginx", "curl"] }),
  ).toMatchInlineSnapshot(
    `"mmdebstrap --mode=root --format=directory --variant=minbase --include=systemd,systemd-sysv,dbus,bash,ca-certificates,git,git-lfs,hostname,iproute2,procps,nginx,curl bookworm /tree"`,
  );
});

test("all options", () => {
  const create = {
    mmdebstrap: {
      suite: "noble",
      mirrors: ["http://archive.ubuntu.com/ubuntu", "deb http://x/ noble extra", "my.sources"],
      components: ["main", "universe"],
      variant: "apt",
      architectures: ["amd64", "i386"],
      keyrings: ["ubuntu.gpg"],
    },
  };
  expect(planOf(create)).toMatchInlineSnapshot(
    `"mmdebstrap --mode=root --format=directory --variant=apt --include=systemd,systemd-sysv,dbus,bash,ca-certificates,git,git-lfs,hostname,iproute2,procps --components=main,universe --architectures=amd64,i386 --keyring=/defs/ubuntu.gpg noble /tree http://archive.ubuntu.com/ubuntu 'deb http://x/ noble extra' /defs/my.sources"`,
  );
  expect(factsOf(create)).toMatchInlineSnapshot(`
    {
      "inputs": [
        "/defs/my.sources",
        "/defs/ubuntu.gpg",
      ],
      "installsPackages": true,
      "parent": undefined,
      "rolling": true,
      "tools": "mmdebstrap:mmdebstrap",
    }
  `);
});

test("an image whose name is no suite needs one", () => {
  expect(() => planOf("mmdebstrap", { name: "python:3.12" })).toThrow(
    'Cannot create the image "python:3.12": its name is not that of a suite',
  );
});

test.each([
  [
    "an unknown option",
    { suit: "sid" },
    'create.mmdebstrap.suit is not an option of mmdebstrap; did you mean "suite"?',
  ],
  [
    "a wrong variant",
    { variant: "big" },
    "create.mmdebstrap.variant must be one of essential, apt, buildd, required, minbase, important, standard",
  ],
  [
    "a text for a list",
    { mirrors: "http://x" },
    'create.mmdebstrap.mirrors must be a list, such as ["http://deb.debian.org/debian"]',
  ],
  [
    "an option of the command as a mirror",
    { mirrors: ["--setup-hook=x"] },
    'create.mmdebstrap.mirrors.0 must be one line that begins with neither a "-" nor a blank',
  ],
  [
    "a suite that is none",
    "../x",
    "create.mmdebstrap must be the name of a suite, such as trixie, bookworm or sid",
  ],
  ["nothing", null, "create.mmdebstrap must hold options of mmdebstrap: suite, mirrors"],
])("%s is refused", (_title, options, fault) => {
  expect(faultsOf({ mmdebstrap: options })).toStartWith(fault);
});
