/** The host that a VM lab is: it has what the plain lab's kernel may lack, or the tests here show nothing. */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { command } from "../lab/harness.ts";

describe("the host", () => {
  test("has the controllers of cgroup v2", () => {
    const controllers = readFileSync("/sys/fs/cgroup/cgroup.controllers", "utf-8")
      .trim()
      .split(" ");
    expect(controllers).toEqual(expect.arrayContaining(["cpuset", "cpu", "io", "memory", "pids"]));
  });

  test.each(["xfs", "ext4"])("has project quotas on %s", async (kind) => {
    const { stdout } = await command("findmnt", "--noheadings", "--output=OPTIONS", `/fs/${kind}`);
    expect(stdout.trim().split(",")).toContain("prjquota");
  });

  test.each(["/dev/fuse", "/dev/loop-control", "/dev/btrfs-control", "/dev/net/tun"])(
    "has %s",
    (device) => {
      expect(existsSync(device)).toBe(true);
    },
  );

  test("has every unit of its boot up", async () => {
    const failed = ["systemctl", "--failed", "--plain", "--no-legend"];
    expect(await command(...failed)).toMatchObject({ code: 0, stdout: "" });
  });

  test("has nftables, and a firewall of its own", async () => {
    const rule = "add rule inet probe input ct state new counter masquerade";
    const chain = "add chain inet probe input { type nat hook postrouting priority 100; }";
    const script = `printf '%s\\n' 'add table inet probe' '${chain}' '${rule}' 'delete table inet probe' | nft -f -`;
    expect(await command("bash", "-c", script)).toMatchObject({ code: 0, stderr: "" });
  });
});
