/** What an administrator loosens for an image's jobs, and that no other has it. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { cleanUpAfterEach, command, later, openRunner, PLACES, uniqueName } from "../harness.ts";
import { probeScript, readAnswers } from "./probe-program.ts";

cleanUpAfterEach();

const places = PLACES.filter(({ kind }) => kind === "btrfs" || kind === "overlay");
const IMAGE = "nosystemd";
const rule = (text: string): string => `[[rule]]\nname = "loose"\nimages = ["${IMAGE}"]\n${text}\n`;

const IO_URING_SETUP = 425;
const [I386_SOCKETCALL, SYS_SOCKET, AF_INET, SOCK_DGRAM] = [102, 1, 2, 2];
const CALLS = [
  { abi: "x86-64", number: IO_URING_SETUP },
  {
    abi: "i386",
    number: I386_SOCKETCALL,
    arguments: [SYS_SOCKET],
    data: [AF_INET, SOCK_DGRAM, 0],
  },
] as const;

describe.each(places)("on $kind", (place) => {
  test("devices, capabilities and system calls are an image's alone that has a rule for them", async () => {
    const loose = openRunner(
      place,
      rule(
        'devices = ["/dev/loop-control", "/dev/fuse"]\ncapabilities = ["CAP_SYS_TIME"]\nsystem_calls = ["io_uring_setup", "socketcall"]',
      ),
    );
    const look = `#!/bin/sh
for node in loop-control fuse; do [ -c /dev/$node ] && echo $node; done
[ -c /dev/fuse ] && exec 3<>/dev/fuse && echo opened
grep CapBnd /proc/self/status`;
    const CAP_SYS_TIME = 1n << 25n;
    const seen = async (runner: typeof loose) => {
      const machine = await runner.machine(IMAGE);
      const [bounding, ...nodes] = (await machine.run(look)).stdout.trim().split("\n").reverse();
      const calls = readAnswers((await machine.run(probeScript(CALLS))).stdout);
      return {
        nodes: nodes.reverse(),
        clock: (BigInt(`0x${bounding?.split(/\s+/)[1]}`) & CAP_SYS_TIME) !== 0n,
        calls,
      };
    };
    expect(await seen(openRunner(place))).toEqual({
      nodes: [],
      clock: false,
      calls: ["EPERM", "EAFNOSUPPORT"],
    });
    expect(await seen(loose)).toEqual({
      nodes: ["loop-control", "fuse", "opened"],
      clock: true,
      // EFAULT: the kernel has looked at what it was given.
      calls: ["errno 14", "done"],
    });
  });

  test("directories of the host are read-only unless it says so, with the ids they have there", async () => {
    const shared = `/fs/${place.kind === "btrfs" ? "btrfs" : "ext4"}/${uniqueName()}`;
    mkdirSync(`${shared}/read`, { recursive: true });
    mkdirSync(`${shared}/write`);
    later(() => command("rm", "-rf", shared));
    writeFileSync(`${shared}/read/of-1000`, "here\n");
    await command("chown", "1000:1000", `${shared}/read/of-1000`);
    const runner = openRunner(
      place,
      rule(`binds = ["${shared}/read:/mnt/read", "${shared}/write:/mnt/write:rw"]`),
    );
    const machine = await runner.machine(IMAGE);
    const { stdout, code } = await machine.run(`#!/bin/sh
cat /mnt/read/of-1000; stat -c %u /mnt/read /mnt/read/of-1000
touch /mnt/read/new 2>/dev/null || echo read-only
mount -o remount,bind,rw /mnt/read 2>/dev/null || echo locked
echo there >/mnt/write/new && chown 1000 /mnt/write/new`);
    expect(stdout).toBe("here\n0\n1000\nread-only\nlocked\n");
    expect(code).toBe(0);
    expect(statSync(`${shared}/write/new`).uid).toBe(1000);
  });
});
