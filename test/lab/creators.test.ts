/**
 * Each creator's plan, carried out for real: by the real tools, with what the lab can reach. What
 * distributions it cannot reach have, repositories made here stand for.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import * as v from "valibot";
import { createSchema, creatorOf } from "../../src/image/creators/creators.ts";
import { missingTools } from "../../src/image/creators/missing-tools.ts";
import { cleanUpAfterEach, later, start } from "./harness.ts";
import { type Created, runSteps } from "./run-steps.ts";
import { makeKey, makePacmanRepository, makeRpmRepository, shell } from "./tiny-repositories.ts";

const TOOLS =
  "debootstrap skopeo umoci docker-registry mkosi dnf createrepo-c rpm gnupg zypper pacman-package-manager arch-install-scripts makepkg libarchive-tools zstd curl libcap2-bin";

// On btrfs, where the tree is a subvolume: what is moved into it crosses a border. Thousands of small
// files are faster on tmpfs: dpkg waits for the disk.
const FAST = "/fs/tmpfs/creators";
const BASE = "/fs/btrfs/creators";

beforeAll(async () => {
  mkdirSync(BASE);
  mkdirSync(FAST);
  // A package that is not installed may be known all the same, and is then shown without an error.
  await shell(
    `wanted=$(wc -w <<<"$1")
    installed=$(dpkg-query --show --showformat='\${db:Status-Status}\n' $1 | grep -cx installed || true)
    [ "$installed" != "$wanted" ] || exit 0
    apt-get -qq update
    DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends $1 >/dev/null`,
    TOOLS,
  );
}, 300_000);

afterAll(() => shell(`rm -rf --one-file-system ${BASE} ${FAST}`));

cleanUpAfterEach();

interface Definition {
  readonly create: unknown;
  readonly name?: string;
  readonly packages?: readonly string[];
  readonly directory?: string;
  readonly place?: string;
}

/** As a build does it. */
async function createImage(definition: Definition): Promise<Created> {
  const { create, name = "trixie", packages = [], directory = BASE, place = BASE } = definition;
  const request = v.parse(createSchema, create);
  const creator = creatorOf(request);
  return runSteps(place, (context) =>
    creator.plan(request.options, { ...context, packages, directory, name }),
  );
}

/** Fails with the whole log when the image was not made. */
async function made(definition: Definition): Promise<string> {
  const created = await createImage(definition);
  if (created.failed !== undefined) throw new Error(`${created.failed}\n${created.log}`);
  return created.tree;
}

const read = (path: string): string => readFileSync(path, "utf8");

/** A root file system with all that a copy can lose; made once. */
async function smallRoot(): Promise<string> {
  const path = `${BASE}/small`;
  if (existsSync(path)) return path;
  await shell(
    `mkdir -p "$1/bin" "$1/etc" "$1/tmp"
    cp /usr/bin/busybox "$1/bin/busybox"
    ln "$1/bin/busybox" "$1/bin/twin"
    ln -s busybox "$1/bin/sh"
    setcap cap_net_raw+ep "$1/bin/busybox"
    echo ID=small >"$1/etc/os-release"
    chown 1234:4321 "$1/etc/os-release"
    chmod 1777 "$1/tmp"
    chmod 0711 "$1"`,
    path,
  );
  return path;
}

async function expectSmallRoot(tree: string): Promise<void> {
  expect(
    await shell(
      `cd "$1"
      stat --format='%n %a %u:%g' . tmp etc/os-release
      stat --format='%h' bin/twin
      readlink bin/sh
      getcap bin/busybox
      cat etc/os-release`,
      tree,
    ),
  ).toBe(`. 711 0:0
tmp 1777 0:0
etc/os-release 644 1234:4321
2
busybox
bin/busybox cap_net_raw=ep
ID=small
`);
}

describe("Debian", () => {
  test("mmdebstrap", async () => {
    const tree = await made({ create: "mmdebstrap", packages: ["tini"], place: FAST });
    expect(read(`${tree}/etc/os-release`)).toContain("VERSION_CODENAME=trixie");
    for (const path of ["lib/systemd/systemd", "usr/bin/git", "usr/bin/git-lfs", "usr/bin/tini"]) {
      expect(existsSync(`${tree}/${path}`)).toBe(true);
    }
  });

  test("debootstrap", async () => {
    const tree = await made({ create: { debootstrap: "trixie" }, place: FAST });
    expect(read(`${tree}/etc/os-release`)).toContain("VERSION_CODENAME=trixie");
    for (const path of ["lib/systemd/systemd", "usr/bin/git", "usr/bin/git-lfs"]) {
      expect(existsSync(`${tree}/${path}`)).toBe(true);
    }
  });

  test("mkosi", async () => {
    // One repository: mkosi asks for those of security fixes and debugging symbols, too.
    await shell(
      `mkdir -p "$1/mkosi.sandbox/etc/apt/sources.list.d"
      mirror=$(sed -n 's/^deb \\([^ ]*\\) trixie .*/\\1/p' /etc/apt/sources.list | head -n 1)
      printf '%s\n' 'Types: deb' "URIs: $mirror" 'Suites: trixie' 'Components: main' \
        'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg' \
        >"$1/mkosi.sandbox/etc/apt/sources.list.d/mkosi.sources"`,
      `${BASE}/tiny.mkosi`,
    );
    writeFileSync(
      `${BASE}/tiny.mkosi/mkosi.conf`,
      "[Distribution]\nDistribution=debian\nRelease=trixie\n[Content]\nBootable=no\nPackages=base-files\n",
    );
    const tree = await made({ create: { mkosi: "tiny.mkosi" }, packages: ["tini"], place: FAST });
    expect(read(`${tree}/etc/os-release`)).toContain("VERSION_CODENAME=trixie");
    expect(existsSync(`${tree}/usr/bin/tini`)).toBe(true);
  });
});

describe("RPM", () => {
  const provides =
    "systemd bash ca-certificates ca-certificates-mozilla dbus-1 dnf git git-lfs hostname iproute iproute2 procps procps-ng system-release zypper distribution-release";
  let repository: { name: string; url: string; keys: string[] };

  beforeAll(async () => {
    await makeKey(`${BASE}/rpm-key`, "tiny");
    await makeKey(`${BASE}/other-key`, "other");
    const { path, key } = await makeRpmRepository(
      `${BASE}/rpm`,
      `${BASE}/rpm-key`,
      provides.split(" "),
    );
    repository = { name: "tiny", url: `file://${path}`, keys: [key] };
  });

  async function expectTiny(tree: string): Promise<void> {
    expect(read(`${tree}/etc/os-release`)).toBe("ID=tiny\n");
    expect(read(`${tree}/etc/script-ran`)).toBe("ran\n");
    // No plain file where a device belongs.
    expect(readdirSync(`${tree}/dev`)).toEqual([]);
    expect(
      await shell('rpm --root "$1" --dbpath /usr/lib/sysimage/rpm --query --all', tree),
    ).toContain("tiny-1-1.");
    expect(await shell('cd "$1" && find . -xdev -name "rpmdb.sqlite"', tree)).toBe(
      "./usr/lib/sysimage/rpm/rpmdb.sqlite\n",
    );
  }

  test("dnf", async () => {
    await expectTiny(
      await made({ create: { dnf: { release: "42", repositories: [repository] } } }),
    );
  });

  test("dnf takes nothing that is signed with another key", async () => {
    const repositories = [{ ...repository, keys: [`${BASE}/other-key.asc`] }];
    const { failed, log } = await createImage({ create: { dnf: { release: "42", repositories } } });
    expect(failed).toContain("dnf");
    expect(log).toContain("GPG");
  });

  test("zypper", async () => {
    const tree = await made({ create: { zypper: { repositories: [repository] } } });
    await expectTiny(tree);
    expect(read(`${tree}/etc/zypp/repos.d/image.repo`)).toContain("[tiny]");
  });

  test("zypper takes nothing that is signed with another key", async () => {
    const repositories = [{ ...repository, keys: [`${BASE}/other-key.asc`] }];
    const { failed, log } = await createImage({ create: { zypper: { repositories } } });
    expect(failed).toContain("zypper");
    expect(log).toMatch(/sign/i);
  });
});

describe("Arch Linux", () => {
  const provides = "base ca-certificates git git-lfs inetutils make".split(" ");
  let repository: { mirror: string; repositories: string[] };

  beforeAll(async () => {
    await makeKey(`${BASE}/pacman-key`, "tiny");
    const { path, key } = await makePacmanRepository(
      `${BASE}/pacman`,
      `${BASE}/pacman-key`,
      provides,
    );
    repository = { mirror: `file://${path}`, repositories: ["tiny"] };
    await makeKey(`${BASE}/foreign-key`, "foreign");
    for (const [name, file] of Object.entries({ tiny: key, foreign: `${BASE}/foreign-key.gpg` })) {
      await shell(
        `cp "$2" "/usr/share/keyrings/$1.gpg"
        gpg --show-keys --with-colons "$2" | sed -n 's/^fpr:*\\([0-9A-F]*\\):/\\1:4:/p' >"/usr/share/keyrings/$1-trusted"`,
        name,
        file,
      );
    }
  });

  afterAll(() => shell("rm /usr/share/keyrings/{tiny,foreign}{.gpg,-trusted}"));

  test("pacstrap", async () => {
    const tree = await made({
      create: { pacstrap: { ...repository, keyring: "tiny" } },
      packages: ["make"],
    });
    expect(read(`${tree}/etc/os-release`)).toBe("ID=tiny\n");
    expect(read(`${tree}/etc/script-ran`)).toBe("ran\n");
    expect(read(`${tree}/etc/pacman.d/mirrorlist`)).toBe(`Server = ${repository.mirror}\n`);
    expect(existsSync(`${tree}/etc/pacman.d/gnupg/pubring.gpg`)).toBe(true);
    // gpg starts agents that outlive it.
    expect(await shell("pgrep --full --list-full gpg-agent || true")).not.toContain(BASE);
  });

  test("pacstrap takes nothing that is signed with another key", async () => {
    const { failed, tree } = await createImage({
      create: { pacstrap: { ...repository, keyring: "foreign" } },
    });
    // Which words it has for that depends on the version: 7.0.0 dies of SIGSEGV here.
    expect(failed).toContain("pacstrap");
    expect(existsSync(`${tree}/etc/os-release`)).toBe(false);
  });

  test("a keyring that the host has not is named with its package", async () => {
    const { log } = await createImage({
      create: { pacstrap: { ...repository, keyring: "nobodys" } },
    });
    expect(log).toBe(
      'There is no "/usr/share/keyrings/nobodys.gpg". Install it: apt-get install nobodys-keyring\n',
    );
  });
});

describe("OCI", () => {
  const layout = `${BASE}/layout`;
  let root = "";

  beforeAll(async () => {
    root = await smallRoot();
    await shell(
      `umoci init --layout "$1"
      umoci new --image "$1:small"
      umoci insert --image "$1:small" "$2" /
      umoci config --image "$1:small" --config.user 1000 --config.env LANG=C`,
      layout,
      root,
    );
  });

  test("a local layout", async () => {
    await expectSmallRoot(await made({ create: { oci: "oci:layout:small" } }));
  });

  test("layers with another compression", async () => {
    // Only what is not compressed gets the compression that is asked for.
    await shell(
      `skopeo copy --quiet --dest-decompress "oci:$1:small" "dir:$1-plain"
      skopeo copy --quiet --dest-compress-format=zstd "dir:$1-plain" "oci:$1-zstd:small"
      skopeo inspect --raw "oci:$1-zstd:small" | grep -q 'tar+zstd'`,
      layout,
    );
    await expectSmallRoot(await made({ create: { oci: "oci:layout-zstd:small" } }));
  });

  test("a registry, with a password in the auth file", async () => {
    const { address, authFile } = await openRegistry(layout);
    const image = `docker://${address}/tiny/small:1`;
    const options = { image, tls_verify: false };
    await expectSmallRoot(await made({ create: { oci: { ...options, auth_file: authFile } } }));
    const refused = await createImage({ create: { oci: options } });
    expect(refused.failed).toContain("skopeo");
    expect(refused.log).toContain("authentication required");
  });
});

/** A registry on loopback that wants a password, with one image. */
async function openRegistry(layout: string): Promise<{ address: string; authFile: string }> {
  const directory = `${BASE}/registry`;
  const authFile = `${directory}/auth.json`;
  const hashed = await Bun.password.hash("secret", { algorithm: "bcrypt", cost: 4 });
  mkdirSync(directory);
  writeFileSync(`${directory}/htpasswd`, `tester:${hashed.replace(/^\$2b\$/, "$2y$")}\n`);
  const { address, ended } = await startRegistry(directory);
  later(ended);
  writeFileSync(
    authFile,
    JSON.stringify({ auths: { [address]: { auth: btoa("tester:secret") } } }),
  );
  await shell(
    'skopeo copy --dest-tls-verify=false --dest-authfile "$1" "oci:$2:small" "docker://$3/tiny/small:1"',
    authFile,
    layout,
    address,
  );
  return { address, authFile };
}

/** docker-registry takes its port from us: one that was free a moment ago. */
async function startRegistry(
  directory: string,
): Promise<{ address: string; ended: () => Promise<unknown> }> {
  const free = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("") });
  const address = `127.0.0.1:${free.port}`;
  await free.stop();
  writeFileSync(
    `${directory}/config.yml`,
    `version: 0.1
log: { level: info }
storage: { filesystem: { rootdirectory: ${directory}/data } }
http: { addr: "${address}" }
auth: { htpasswd: { realm: lab, path: ${directory}/htpasswd } }
`,
  );
  const registry = start([
    "bash",
    "-c",
    'exec docker-registry serve "$1" 2>&1',
    "bash",
    `${directory}/config.yml`,
  ]);
  await registry.awaitOutput("listening on");
  return {
    address,
    ended: () => {
      registry.kill("SIGTERM");
      return registry.ended;
    },
  };
}

describe("tar", () => {
  let archive = "";
  let sha256 = "";

  beforeAll(async () => {
    archive = `${BASE}/small.tar.zst`;
    await shell(
      'tar --zstd --xattrs --numeric-owner -C "$1" -cf "$2" .',
      await smallRoot(),
      archive,
    );
    sha256 = new Bun.CryptoHasher("sha256").update(await Bun.file(archive).bytes()).digest("hex");
  });

  test("a file, beside the definition", async () => {
    await expectSmallRoot(await made({ create: { tar: "small.tar.zst" } }));
    await expectSmallRoot(await made({ create: { tar: { source: archive, sha256 } } }));
  });

  test("an address, behind a redirection, with its checksum", async () => {
    const address = serveArchive();
    await expectSmallRoot(await made({ create: { tar: { source: address, sha256 } } }));
  });

  test("another checksum, and nothing is unpacked", async () => {
    const wrong = "0".repeat(64);
    const { failed, log, tree } = await createImage({
      create: { tar: { source: serveArchive(), sha256: wrong } },
    });
    expect(failed).toBe('"sha256sum" ended with exit status 1.');
    expect(log).toContain("/archive: FAILED");
    expect(readdirSync(tree)).toEqual([]);
  });

  test("an address where nothing is", async () => {
    const { failed, log } = await createImage({
      create: { tar: { source: serveArchive().replace("moved", "nothing"), sha256 } },
    });
    expect(failed).toContain("curl");
    expect(log).toContain("404");
  });

  function serveArchive(): string {
    const server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      routes: {
        "/moved": Response.redirect("/here"),
        "/here": () => new Response(Bun.file(archive)),
        "/*": new Response("", { status: 404 }),
      },
    });
    later(() => server.stop(true));
    return `http://127.0.0.1:${server.port}/moved`;
  }
});

describe("what is on the host already", () => {
  test("directory", async () => {
    await smallRoot();
    await expectSmallRoot(await made({ create: { directory: "small" } }));
  });

  test("from", async () => {
    const tree = await made({ create: { from: "nobash" } });
    expect(read(`${tree}/etc/os-release`)).toBe("ID=busybox\n");
  });
});

describe("command", () => {
  const directory = `${BASE}/definitions with blanks`;

  test("a text, with the tree as $1", async () => {
    const root = await smallRoot();
    mkdirSync(directory, { recursive: true });
    const tree = await made({
      create: `cp -a ${root}/. "$1"
      [ "$1" = "$NSPAWN_RUNNER_TARGET" ]
      [ "$PWD" = "$NSPAWN_RUNNER_DEFINITION_DIRECTORY" ]
      touch "$NSPAWN_RUNNER_WORK/scratch"
      echo "$NSPAWN_RUNNER_IMAGE" > "$1/etc/name"`,
      directory,
      name: "python:3.12",
    });
    await expectSmallRoot(tree);
    expect(read(`${tree}/etc/name`)).toBe("python:3.12\n");
  });

  test("a program beside the definition, with arguments that no shell sees", async () => {
    mkdirSync(directory, { recursive: true });
    writeFileSync(
      `${directory}/make image`,
      '#!/bin/sh\nmkdir "$3/etc"; printf "%s|%s" "$1" "$2" >"$3/etc/arguments"\n',
      { mode: 0o755 },
    );
    const tree = await made({ create: { command: ["./make image", "$HOME *", "a'b"] }, directory });
    expect(read(`${tree}/etc/arguments`)).toBe("$HOME *|a'b");
  });

  test.each([
    ["a command in the middle", "false\ntouch $1/late"],
    ["one in a pipe", "false | true\ntouch $1/late"],
    ["a variable that is not set", "echo $NOBODY_SET_THIS\ntouch $1/late"],
  ])("a text fails with %s, and its words are the log", async (_title, text) => {
    const { failed, log, tree } = await createImage({ create: `echo begun; ${text}` });
    expect(failed).toBe('"bash" ended with exit status 1.');
    expect(log).toStartWith("begun\n");
    expect(existsSync(`${tree}/late`)).toBe(false);
  });
});

test("tools that the host has not are one error, with the packages to install", () => {
  const request = v.parse(createSchema, { oci: "debian:trixie" });
  const without = missingTools(
    "trixie",
    creatorOf(request).tools(request.options),
    (name) => Bun.which(name, { PATH: "/nowhere" }) !== null,
  );
  expect(without?.message).toBe(
    'Cannot create the image "trixie": this host has no "skopeo", "umoci".',
  );
  expect(without?.hints).toEqual(["Install it: apt-get install skopeo umoci"]);
});

// apk is in no package of Debian.
test.each([
  "mmdebstrap",
  "debootstrap",
  { dnf: "42" },
  "zypper",
  "pacstrap",
  { mkosi: "x" },
  { oci: "x" },
  { tar: { source: "https://x/y.tar.zst", sha256: "0".repeat(64) } },
  { directory: "x" },
  { command: "x" },
])("the tools of %p are in the packages that it names", async (create) => {
  const { kind, options } = v.parse(createSchema, create);
  for (const { command: name, debian = "" } of creatorOf({ kind, options }).tools(options)) {
    const path = Bun.which(name) ?? `no ${name}`;
    // The name of one package may be a link to another's file, and /bin is one to /usr/bin.
    const owners = await shell('dpkg-query --search "$1" "${1#/usr}" 2>/dev/null || true', path);
    expect(`${name}: ${owners}`).toMatch(new RegExp(`(^|[\\s,])${debian}[,:]`, "m"));
  }
});
