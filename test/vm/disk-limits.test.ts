/** The limit of what a job writes, by project quotas of xfs and ext4: Debian's kernel has them. */
import { expect } from "bun:test";
import { openQuotas } from "../../src/host/quotas.ts";
import { cleanUpAfterEach, command, scratch, uniqueName } from "../lab/harness.ts";
import { describeLimitedDisk, type LimitedPlace } from "../lab/limited-disk.ts";
import { chosen } from "./whole.ts";

cleanUpAfterEach();

const FIRST = 2 ** 30;

/** A file system of its own, made by that command, for a storage. */
function describeDisk(title: string, kind: "overlay" | "reflink", make: readonly string[]): void {
  const [disk, root] = [`${scratch}/limited.img`, `/mnt/${uniqueName()}`];
  const open = async (): Promise<LimitedPlace> => {
    for (const argv of [
      ["truncate", "--size=3G", disk],
      [...make, disk],
      ["mkdir", "-p", root],
      ["mount", "-o", "loop,prjquota", disk, root],
      ["cp", "-a", "/fs/ext4/root/nobash", root],
    ]) {
      expect(await command(...argv)).toMatchObject({ code: 0 });
    }
    return { kind, root, image: "nobash", listLimits: () => listProjects(root) };
  };
  const close = () => command("sh", "-c", 'umount "$1"; rmdir "$1"; rm "$0"', disk, root);
  describeLimitedDisk(title, { open, close });
}

function listProjects(root: string): string[] {
  const found: string[] = [];
  for (let id = FIRST; ; ) {
    const project = openQuotas().findProject(root, id);
    if (project === undefined) return found;
    found.push(String(project.id));
    id = project.id + 1;
  }
}

const EXT4 = ["mkfs.ext4", "-q", "-O", "quota,project", "-E", "quotatype=prjquota"];
const XFS = ["mkfs.xfs", "-q"];

const DISKS = [
  ["ext4 under overlays", "overlay", EXT4],
  ["xfs with reflinks", "reflink", XFS],
  ["xfs under overlays", "overlay", XFS],
] as const;

for (const [title, kind, make] of chosen(DISKS)) describeDisk(title, kind, make);
