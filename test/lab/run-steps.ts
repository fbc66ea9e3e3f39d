/** Steps of a creator, carried out as a build does it, in a tree that goes after the test. */
import { expect } from "bun:test";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { type Host, openHost } from "../../src/host/host.ts";
import { runCreation } from "../../src/image/build/run-creation.ts";
import type { CreateStep } from "../../src/image/creators/creator.ts";
import { STORAGES } from "../../src/storage/detect.ts";
import { RunnerError } from "../../src/text/errors.ts";
import { awaitUnitsGone, later } from "./harness.ts";
import { shell } from "./tiny-repositories.ts";

export interface Created {
  readonly tree: string;
  /** Why it failed, and what all steps said. */
  readonly failed: string | undefined;
  readonly log: string;
}

const host: Host = {
  ...openHost({ level: "quiet", signal: new AbortController().signal }),
  driver: ["/src/dist/nspawn-runner"],
};

let counter = 0;

/** `place` is a directory; on btrfs the tree is a subvolume of it. */
export async function runSteps(
  place: string,
  plan: (places: { readonly tree: string; readonly work: string }) => readonly CreateStep[],
): Promise<Created> {
  counter += 1;
  const tree = `${place}/tree-${process.pid}-${counter}`;
  const work = `${place}/work-${process.pid}-${counter}`;
  const isSubvolume = place.startsWith("/fs/btrfs/");
  later(async () => {
    await shell(`rm -rf --one-file-system ${work}`);
    if (!existsSync(tree)) return;
    await shell(
      `${isSubvolume ? "btrfs -q subvolume delete" : "rm -rf --one-file-system"} ${tree}`,
    );
  });
  mkdirSync(work, { mode: 0o700 });
  let log = "";
  let failed: string | undefined;
  try {
    await runCreation(
      host,
      {
        rootDirectory: "/fs/btrfs/root",
        storage: isSubvolume ? STORAGES.btrfs : STORAGES.overlay,
      },
      {
        steps: plan({ tree, work }),
        draft: { tree, work, holdUnit: (unit) => unitPlace(`${work}/${unit}`) },
        ...{ limits: {}, timeoutSeconds: 600 },
        log: {
          ...{ path: "", isWhole: () => true, note: () => {}, lastLines: () => [] },
          write: (bytes) => {
            log += Buffer.from(bytes).toString();
          },
        },
      },
    );
  } catch (error) {
    if (!(error instanceof RunnerError)) throw error;
    failed = error.message;
  }
  // Nothing that a creator mounts or starts stays.
  expect(readFileSync("/proc/self/mounts", "utf8")).not.toContain(tree);
  awaitUnitsGone(() => listCreations() !== "");
  expect(listCreations()).toBe("");
  // Lines of ours are not its.
  return { tree, failed, log: log.replace(/^# .*\n/gm, "") };
}

function unitPlace(path: string): string {
  mkdirSync(path, { mode: 0o700 });
  return path;
}

/** Services of creations that have anything in them. */
export const listCreations = (): string =>
  Bun.spawnSync([
    ...["systemctl", "list-units", "--plain", "--no-legend"],
    ...["--state=active,activating,deactivating,reloading", "nspawn-runner-create-*"],
  ]).stdout.toString();
