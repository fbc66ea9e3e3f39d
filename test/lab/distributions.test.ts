/** Images from where images come from, the whole way: definition, build, a job's machine. */
import { expect, test } from "bun:test";
import { openDeclared } from "./declare.ts";
import { cleanUpAfterEach, command, findMirror, later, mustBash } from "./harness.ts";

cleanUpAfterEach();

const btrfs = { kind: "btrfs", root: "/fs/btrfs/root" } as const;

test.each([
  ["mmdebstrap", (address: string) => ({ mmdebstrap: { suite: "trixie", mirrors: [address] } })],
  ["debootstrap", (address: string) => ({ debootstrap: { suite: "bookworm", mirror: address } })],
])(
  "Debian by %s boots, and has what jobs need",
  async (_, create) => {
    const { runner, declare } = openDeclared(btrfs);
    declare("debian", {
      create: create(await findMirror()),
      packages: ["hello"],
      test: "systemctl is-system-running --wait || systemctl --failed",
    });
    const created = await runner.call("chroot-create", "debian");
    expect(created.stderr).toContain("1 built");
    expect(created.stderr).not.toContain("It has no");
    const listed = JSON.parse((await runner.call("chroot-list", "debian", "--json")).stdout);
    expect(listed[0].sizeBytes).toBeGreaterThan(100_000_000);
    const machine = await runner.machine("debian");
    const ran = await machine.run(
      "hello -g Hi; git --version | cut -c1-11; ls -A /var/lib/apt/lists",
    );
    expect(ran.stdout).toBe("Hi\ngit version\n");
  },
  240_000,
);

test("an OCI image from a local layout, and a tar archive of the same", async () => {
  const { runner, declare, directory } = openDeclared(btrfs);
  await mustBash(`
    cd ${directory}
    umoci init --layout layout && umoci new --image layout:latest
    umoci insert --image layout:latest ${btrfs.root}/nobash /
    tar -C ${btrfs.root}/nobash -czf tree.tar.gz .`);
  later(() => command("rm", "-rf", `${directory}/layout`));
  declare("from-oci", { create: { oci: `oci:${directory}/layout:latest` } });
  declare("from-tar", { create: { tar: `${directory}/tree.tar.gz` } });
  const created = await runner.call("chroot-create");
  expect(created.stderr).toContain("2 built");
  // Without git a job cannot fetch its sources, and the administrator is told.
  expect(created.stderr).toContain("It has no git: jobs cannot fetch their sources.");
  for (const name of ["from-oci", "from-tar"]) {
    const machine = await runner.machine(name);
    expect((await machine.run("#!/bin/sh\ncat /etc/os-release")).stdout).toBe("ID=busybox\n");
  }
});
