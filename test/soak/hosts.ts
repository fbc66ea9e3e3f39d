/** The lab as the soak tests use it: a driver for each storage and network, and what is left there. */
import { takeCensus } from "../census/census.ts";
import type { Census } from "../census/diff-census.ts";
import {
  awaitDeleters,
  openRunner,
  PLACES,
  type Place,
  type Runner,
  scratch,
  start,
  uniqueName,
} from "../lab/harness.ts";
import type { Owner } from "./owner.ts";

export const NETWORKS = ["host", "private"] as const;
export type Network = (typeof NETWORKS)[number];

const RUNNERS = new Map(
  PLACES.flatMap((place) =>
    NETWORKS.map((network) => [
      keyOf(place, network),
      openRunner(place, `network = "${network}"\n`),
    ]),
  ),
);

function keyOf(place: Place, network: Network): string {
  return `${place.kind} ${network}`;
}

export function runnerOf(place: Place, network: Network): Runner {
  const runner = RUNNERS.get(keyOf(place, network));
  if (runner === undefined) throw new Error("There is no such storage.");
  return runner;
}

/**
 * Waits for btrfs to clean what is deleted: by itself it would, after its commit interval. Nor is the unit
 * waited for that watches the firewall, and ends itself within a minute of the last machine.
 */
export function takeSettledCensus(): Census {
  Bun.spawnSync(["systemctl", "stop", "nspawn-runner-watch-firewall.service"]);
  Bun.spawnSync(["btrfs", "filesystem", "sync", "/fs/btrfs"]);
  Bun.spawnSync(["btrfs", "subvolume", "sync", "/fs/btrfs"]);
  return takeCensus({ roots: [...new Set(PLACES.map(({ root }) => root))], except: [scratch] });
}

/** Every root directory's garbage, once. What it says when it fails. */
export async function collectAllGarbage(): Promise<string[]> {
  const said: string[] = [];
  for (const place of PLACES) {
    const { code, stderr } = await runnerOf(place, "private").call("gc");
    if (code !== 0) said.push(`gc of ${place.root} ends with ${code}: ${stderr.trim()}`);
  }
  return said;
}

/**
 * What the first jobs and the first gc make on a host, and stays: directories, the firewall's table,
 * an image's lock.
 */
export async function warmUp(owner: Owner): Promise<void> {
  for (const [index, runner] of [...RUNNERS.values()].entries()) {
    const name = uniqueName();
    const image = index % 2 === 0 ? "trixie" : "nosystemd";
    for (const argv of [["prepare", "--id", name, image], ["cleanup", "--id", name], ["gc"]]) {
      const environment = { ...runner.environment, NSPAWN_RUNNER_OWNER: String(owner.pid) };
      const { code, stderr } = await start(["nspawn-runner", ...argv], environment).ended;
      if (code !== 0) throw new Error(`${argv.join(" ")} ends with ${code}: ${stderr}`);
    }
  }
  await awaitDeleters();
}
