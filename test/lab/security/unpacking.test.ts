/** What strangers have made is unpacked as nobody of the host, in a place where nothing is. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, rmSync } from "node:fs";
import { UNPACKING } from "../../../src/image/creators/creator.ts";
import { cleanUpAfterEach, later, start, uniqueName } from "../harness.ts";
import { runSteps } from "../run-steps.ts";
import { shell } from "../tiny-repositories.ts";

const PLACES = ["btrfs", "ext4", "xfs"].map((kind) => `/fs/${kind}/unpacking`);
beforeAll(() => {
  for (const place of PLACES) mkdirSync(place, { mode: 0o700 });
});
afterAll(() => {
  for (const place of PLACES) rmSync(place, { recursive: true });
});
cleanUpAfterEach();

/** What a script says that has taken over whatever unpacks. */
async function probe(script: string, place = "/fs/btrfs/unpacking") {
  const { failed, log, tree } = await runSteps(place, () => [
    { kind: "unpack", tool: "probe", argv: ["sh", "-c", script] },
  ]);
  return { failed, tree, lines: log.trimEnd().split("\n") };
}

test("it is root of a user namespace, whose numbers nobody of the host has", async () => {
  const { lines } = await probe(
    "id -u; id -g; tr -s ' ' </proc/self/uid_map; tr -s ' ' </proc/self/gid_map; id -G",
  );
  expect(lines).toEqual(["0", "0", " 0 2147483648 2147418112", " 0 2147483648 2147418112", "0"]);
});

test("of root's rights it has those to give files their owners and modes", async () => {
  const { lines } = await probe(
    "sed -n 's/^\\(CapBnd\\|CapEff\\|CapInh\\|CapAmb\\|NoNewPrivs\\):\\t//p' /proc/self/status",
  );
  // CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_FSETID and CAP_SETFCAP: bits 0, 1, 3, 4, 31.
  const rights = "000000008000001b";
  expect(lines).toEqual(["0".repeat(16), rights, rights, "0".repeat(16), "1"]);
});

test.each([
  ["write beside the tree", 'touch "$WORK/x" /etc/x /var/x /usr/x'],
  ["write where the tree is on the host", "touch /fs/btrfs/unpacking/x"],
  ["read what is root's alone", "cat /etc/shadow"],
  ["see where trees are", "ls /fs/btrfs/unpacking"],
  ["see sockets of daemons", "find /run -type s | grep -q ."],
  ["reach the bus", "busctl list"],
  ["make a device", 'mknod "$TREE/null" c 1 3'],
  ["make a disk", 'mknod "$TREE/disk" b 7 0'],
  ["mount", 'mount -t tmpfs x "$TREE"'],
  ["mount in a namespace", 'unshare --mount mount -t tmpfs x "$TREE"'],
  ["set an attribute of overlayfs", ATTRIBUTE("trusted.overlay.opaque")],
  ["enter another's namespace", "nsenter --target=1 --mount true"],
  ["become another", "setpriv --reuid=1000 true"],
])("it cannot %s", async (_what, script) => {
  const { lines } = await probe(
    `TREE=${UNPACKING.tree} WORK=${UNPACKING.work}; { ${script}; } 2>/dev/null && echo did; echo end`,
  );
  expect(lines).toEqual(["end"]);
});

function ATTRIBUTE(name: string): string {
  return `python3 -c 'import os; os.setxattr("${UNPACKING.tree}", "${name}", b"y")'`;
}

test("it sees no network, no process but its own, and no signal of it reaches the host", async () => {
  const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
  later(() => server.stop());
  const sleeping = start(["sleep", "1000"]);
  later(async () => {
    sleeping.kill("SIGTERM");
    await sleeping.ended;
  });
  const { lines } = await probe(`
    sed '1,2d; s/:.*//; s/ //g' /proc/net/dev
    bash -c '(exec 3<>/dev/tcp/127.0.0.1/${server.port}) 2>/dev/null && echo connected'
    python3 -c 'import socket; socket.socket(socket.AF_INET)' 2>/dev/null && echo has-sockets
    kill -KILL -1 2>/dev/null; kill -KILL ${sleeping.pid} 2>/dev/null
    set -- /proc/[0-9]*; echo $#`);
  expect(Number(lines.at(-1))).toBeLessThan(12);
  expect(lines.slice(0, -1)).toEqual(["lo"]);
  expect((await start(["kill", "-0", String(sleeping.pid)]).ended).code).toBe(0);
});

describe.each(PLACES)("in %s", (place) => {
  test("what it makes has the owners, modes and attributes on the disk that it gave them", async () => {
    const { tree, failed } = await probe(
      `cd ${UNPACKING.tree}
      touch plain setuid capable far; mkdir directory
      chown 1234:4321 plain; chown 2000000:3000000 far
      chmod 4755 setuid; chmod 2711 directory
      python3 -c 'import os; os.setxattr("plain", "user.mine", b"y"); os.setxattr("capable", "security.capability", bytes.fromhex("0100000200200000000000000000000000000000"))'`,
      place,
    );
    expect(failed).toBeUndefined();
    const look = `cd "$1"; stat --format='%n %a %u:%g' *; getcap *; python3 -c 'import os; print(os.getxattr("plain", "user.mine").decode())'`;
    expect(await shell(look, tree)).toBe(`capable 644 0:0
directory 2711 0:0
far 644 2000000:3000000
plain 644 1234:4321
setuid 4755 0:0
capable cap_net_raw=ep
y
`);
  });

  test("what overlayfs takes for a removed file is not in a tree", async () => {
    const { tree, failed } = await probe(`mknod ${UNPACKING.tree}/removed c 0 0`, place);
    expect(failed).toBeUndefined();
    expect(await shell('ls -A "$1"', tree)).toBe("");
  });
});

describe("umoci", () => {
  const base = "/fs/btrfs/unpacking";
  beforeAll(async () => {
    await shell(
      `command -v umoci >/dev/null && command -v skopeo >/dev/null && exit
      apt-get -qq update
      DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends umoci skopeo >/dev/null`,
    );
  }, 120_000);

  /** An image of layers by `archives.py`: the first holds a system, the others an attack each. */
  async function makeImage(kinds: readonly string[], victim: string): Promise<string> {
    const layout = `${base}/${uniqueName()}`;
    later(() => rmSync(layout, { recursive: true }));
    await shell(
      `layout=$1 victim=$2; shift 2
      mkdir "$layout"
      umoci init --layout "$layout/oci" && umoci new --image "$layout/oci:x"
      for kind in "$@"; do
        tar -C /fs/ext4/root/nobash -c . | python3 /src/test/lab/security/archives.py "$kind" "$layout/layer.tar" "$victim"
        umoci raw add-layer --image "$layout/oci:x" "$layout/layer.tar"
      done`,
      ...[layout, victim, ...kinds],
    );
    return `${layout}/oci:x`;
  }

  async function unpack(image: string) {
    return runSteps(base, ({ work }) => [
      { kind: "run", argv: ["skopeo", "copy", "--quiet", `oci:${image}`, `oci:${work}/oci:image`] },
      {
        kind: "unpack",
        tool: "umoci",
        argv: ["umoci", "raw", "unpack", "--image", `${UNPACKING.work}/oci:image`, UNPACKING.tree],
      },
    ]);
  }

  test.each([
    ...["up", "absolute", "link-then-write", "link-chain", "file-over-link", "hard-link-out"],
    ...["hard-link-up", "directory-over-link", "whiteout", "root-is-link", "twins"],
  ])("writes nothing outside of its tree for layers of kind %s", async (kind) => {
    const victim = `/var/tmp/${uniqueName()}`;
    mkdirSync(victim, { mode: 0o777 });
    later(() => rmSync(victim, { recursive: true }));
    // Who may write there is only kept from it by what the service is.
    await shell('chmod 777 "$1"; echo mine >"$1/file"; chmod 666 "$1/file"', victim);
    const look = () =>
      shell(`cd "$1"; find . -printf '%P %y %m %U %s\\n' | sort; cat file`, victim);
    const before = await look();
    // The second time over what the first has left.
    await unpack(await makeImage([kind, kind], victim));
    expect(await look()).toBe(before);
  });

  test("leaves devices and attributes of overlayfs out, and keeps the rest", async () => {
    const { tree, failed, log } = await unpack(
      await makeImage(["devices", "overlay-attributes", "whiteout-device"], "/nowhere"),
    );
    expect({ failed, log: failed === undefined ? "" : log }).toEqual({
      failed: undefined,
      log: "",
    });
    expect(await shell('find "$1" -type b -o -type c', tree)).toBe("");
    expect(await shell('stat --format=%a "$1/setuid"', tree)).toBe("4755\n");
    const attributes = `import os, sys
for place, directories, files in os.walk(sys.argv[1]):
    for name in directories + files: print(os.listxattr(os.path.join(place, name), follow_symlinks=False))`;
    expect(await shell('python3 -c "$2" "$1"', tree, attributes)).not.toContain("trusted.");
  });
});
