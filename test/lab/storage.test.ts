/** Every storage kind on the file systems it is for, with the kernel's own clones and mounts. */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { openHost } from "../../src/host/host.ts";
import { machinePaths } from "../../src/machine/machine-paths.ts";
import { STORAGES } from "../../src/storage/detect.ts";
import type { ClonePlan, StorageKind } from "../../src/storage/storage.ts";
import { quoteArgument } from "../../src/text/format-command.ts";
import { parseMachineName } from "../../src/text/names.ts";
import { describeStorage, type Visit } from "../conformance/describe-storage.ts";
import { PLACES, start, uniqueName } from "./harness.ts";

/** The lab's own root is an overlay, which cannot hold the upper layer of another. */
const DISKS: Readonly<Record<StorageKind, { fits: string; unfit: string | undefined }>> = {
  btrfs: { fits: "/fs/btrfs", unfit: "/fs/ext4" },
  reflink: { fits: "/fs/xfs", unfit: "/fs/ext4" },
  overlay: { fits: "/fs/ext4", unfit: "/var/tmp" },
  tmpfs: { fits: "/fs/ext4", unfit: undefined },
};

test("no kind is left out of the lab", () => {
  expect(PLACES.map((place) => place.kind).toSorted()).toEqual(
    Object.values(STORAGES)
      .map((storage) => storage.kind)
      .toSorted(),
  );
});

const host = openHost({ level: "quiet", signal: new AbortController().signal });

for (const storage of Object.values(STORAGES)) {
  const { fits, unfit } = DISKS[storage.kind];
  describeStorage(storage, async () => {
    const directory = mkdtempSync(`${fits}/conformance-`);
    return {
      host,
      directory,
      unfit,
      visit: visitClone,
      [Symbol.asyncDispose]: async () => rmSync(directory, { recursive: true }),
    };
  });
}

const ID_SHIFT = 0x5000_0000;

/** By a shell in the clone's root; for layers, in the mounts that a machine's own launcher makes. */
async function visitClone(plan: ClonePlan, visits: readonly Visit[]): Promise<string[]> {
  const script = `cd ${quoteArgument(plan.tree)} || exit\n${visits.map(command).join("\n")}`;
  const ended =
    plan.mounts.length === 0 ? await start(["sh", "-c", script]).ended : await launch(plan, script);
  expect(ended).toMatchObject({ code: 0, stderr: "" });
  return ended.stdout.split("\n").slice(0, -1);
}

async function launch(plan: ClonePlan, script: string) {
  const name = parseMachineName(uniqueName());
  const { runtime, launch } = machinePaths(name);
  host.files.ensureDirectory(runtime, 0o700);
  try {
    const words = {
      mounts: plan.mounts,
      idShift: ID_SHIFT,
      idCount: 65_536,
      nspawn: ["/bin/sh", "-c", script],
      socketcall: false,
    };
    host.files.writeText(launch, JSON.stringify(words), 0o600);
    return await start(["unshare", "--mount", "nspawn-runner", "internal-launch", name]).ended;
  } finally {
    host.files.remove(runtime);
  }
}

function command(visit: Visit): string {
  const path = quoteArgument(visit.path);
  switch (visit.verb) {
    case "read":
      return `cat ${path} 2>/dev/null || printf absent; echo`;
    case "write":
      return `printf %s ${quoteArgument(visit.text)} > ${path}`;
    case "remove":
      return `rm ${path}`;
  }
}
