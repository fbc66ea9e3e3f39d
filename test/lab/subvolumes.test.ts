/** A job is root in its machine: on btrfs it can make subvolumes, read-only ones, of any name. */
import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { cleanUpAfterEach, expectNothingLeft, openRunner } from "./harness.ts";

cleanUpAfterEach();

const place = { kind: "btrfs", root: "/fs/btrfs/root" } as const;
const runner = openRunner(place);

/** linux/btrfs.h: BTRFS_IOC_SUBVOL_CREATE, BTRFS_IOC_SUBVOL_SETFLAGS with BTRFS_SUBVOL_RDONLY. */
const MAKE = `#!/usr/bin/env python3
import fcntl, os, struct
def at(path, number, argument):
    descriptor = os.open(path, os.O_RDONLY)
    fcntl.ioctl(descriptor, number, bytearray(argument))
    os.close(descriptor)
def make(path):
    parent, name = os.path.split(path)
    at(parent, 0x5000940E, struct.pack("q4088s", 0, name.encode()))
def protect(path):
    at(path, 0x4008941A, struct.pack("Q", 2))
`;

test("the machine of such a job goes without a trace, and takes nothing with it", async () => {
  const machine = await runner.machine("trixie");
  const forged = `/root/a\\nID 999 gen 9 top level 5 path b/${machine.name}/root/link`;
  const made = await machine.run(`${MAKE}
make("/outer")
make("/outer/inner")
open("/outer/inner/file", "w").write("x")
protect("/outer/inner")
protect("/outer")
os.symlink("${place.root}", "/link")
os.makedirs("${forged}")
make("${forged}/nobash")
print("made")
`);
  expect(made).toMatchObject({ code: 0, stdout: "made\n" });
  expect((await runner.call("cleanup", "--id", machine.name)).code).toBe(0);
  expectNothingLeft(place, machine.name);
  expect(existsSync(`${place.root}/nobash/bin/sh`)).toBe(true);
});
