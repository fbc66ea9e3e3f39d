/** Containers inside of a machine whose administrator allows it: the real tools, by root and by a user. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cleanUpAfterEach, findMirror, mustBash, openRunner, PLACES } from "./harness.ts";

cleanUpAfterEach();

const IMAGE = "nesting-tools";
const PACKAGES = [
  ...["systemd", "systemd-sysv", "systemd-container", "dbus", "bash", "iproute2", "busybox-static"],
  ...["podman", "buildah", "crun", "fuse-overlayfs", "passt", "uidmap", "mkosi", "python3", "apt"],
];
const places = PLACES.filter(({ kind }) => kind === "btrfs" || kind === "overlay");

beforeAll(async () => {
  const [first, ...others] = places.map(({ root }) => `${root}/${IMAGE}`);
  await mustBash(`btrfs -q subvolume create ${first}
    mmdebstrap --quiet --mode=root --variant=minbase --include=${PACKAGES.join(",")} trixie ${first} "${await findMirror()}"
    : >${first}/etc/machine-id
    chroot ${first} useradd --create-home builder
    for other in ${others.join(" ")}; do cp -a ${first} "$other"; done`);
}, 300_000);

afterAll(async () => {
  for (const { root } of places) {
    const tree = `${root}/${IMAGE}`;
    await mustBash(`btrfs -q subvolume delete ${tree} 2>/dev/null || rm -rf ${tree}`);
  }
});

/** An image from scratch, built and run; says "built" at its end. The lab has no controller of tasks. */
const podman = `cd /tmp/context
p='podman --log-level=error --cgroup-manager=cgroupfs'
$p build --quiet --tag it . >/dev/null && $p run --rm --cgroups=disabled --network=none it`;
const CONTEXT = `mkdir /tmp/context && cd /tmp/context && cp /bin/busybox . && cat >Dockerfile <<'END'
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "sh", "-c", "echo built by $(/bin/busybox id -u) >/hello"]
CMD ["/bin/busybox", "cat", "/hello"]
END
chmod -R a+rX .
`;
const TREE = `mkdir -p /tmp/tree/bin /tmp/tree/usr/lib /tmp/tree/etc && cp /bin/busybox /tmp/tree/bin/sh
echo ID=custom >/tmp/tree/usr/lib/os-release
`;
const asBuilder = (script: string): string =>
  `setpriv --reuid=builder --regid=builder --init-groups env HOME=/home/builder USER=builder sh -c '${script.replaceAll("'", `'\\''`)}'`;

const TOOLS: readonly (readonly [string, string, string])[] = [
  ["podman, by a user", CONTEXT + asBuilder(podman), "built by 0\n"],
  ["podman, by root", CONTEXT + podman, "built by 0\n"],
  [
    "buildah, by a user",
    `${CONTEXT}${asBuilder("cd /tmp/context && buildah build --quiet --tag it . >/dev/null && buildah images --quiet it | wc -l")}`,
    "1\n",
  ],
  [
    "another user of a container, by a user",
    `${CONTEXT}${asBuilder(podman.replace("--rm", "--rm --user 1234").replace(/ it$/, " it /bin/busybox id -u"))}`,
    "1234\n",
  ],
  [
    "nspawn",
    `${TREE}systemd-nspawn --quiet --directory=/tmp/tree --register=no --keep-unit --pipe /bin/sh -c 'echo nested $$'`,
    "nested 1\n",
  ],
  [
    "mkosi",
    `${TREE}mkdir /tmp/image && cd /tmp/image && mkosi --distribution=custom --format=directory --bootable=no --skeleton-tree=/tmp/tree --force build >/tmp/log 2>&1 || cat /tmp/log
image/bin/sh -c "echo made"`,
    "made\n",
  ],
];

describe.each(places)("on $kind", (place) => {
  const allowed = openRunner(place, `[[rule]]\nimages = ["${IMAGE}"]\nnesting = true\n`);

  test("each works in a machine that may nest", async () => {
    const machine = await allowed.machine(IMAGE);
    for (const [tool, script, said] of TOOLS) {
      const ended = await machine.run(`rm -rf /tmp/context /tmp/tree\n${script}`);
      expect({ tool, ...ended }).toMatchObject({ tool, stdout: said, code: 0 });
    }
  });

  test("none does for a user of a machine that may not", async () => {
    const machine = await openRunner(place).machine(IMAGE);
    const ended = await machine.run(CONTEXT + asBuilder(podman));
    expect(ended.stdout).not.toContain("built");
    expect(ended.code).not.toBe(0);
  });
});
