/** A machine that runs is seen on its host by its unit, its processes and its link alone. */
import { expect, test } from "bun:test";
import { cleanUpAfterEach, openRunner, PLACES } from "../lab/harness.ts";
import { takeCensus } from "./census.ts";
import { type Census, diffCensus, formatDifferences } from "./diff-census.ts";

cleanUpAfterEach();

/** What the host has of these is its own, whoever runs on it. */
const UNTOUCHED = [
  "mounts",
  "namespaces without a process",
  "registered machines",
  "firewall",
  "routing rules",
  "loop devices",
  "IPC objects",
  "sysctls",
  "devices",
  "files in /tmp",
  "files in /dev/shm",
  "files in /var",
] as const;

function take(root: string): Census {
  const census = takeCensus({ roots: [root], except: [] });
  return Object.fromEntries(UNTOUCHED.map((kind) => [kind, census[kind] ?? new Map()]));
}

const KINDS = PLACES.flatMap((place) =>
  ["host", "private"].map((network) => ({ place, kind: place.kind, network })),
);

test.each(KINDS)("on $kind, with network $network", async ({ place, network }) => {
  const runner = openRunner(place, `network = "${network}"\n`);
  // The first one brings the firewall's table and switches forwarding on.
  await runner.machine("nosystemd");
  const before = take(place.root);
  const machine = await runner.machine("trixie");
  await machine.run("mount -t tmpfs tmpfs /mnt; echo >/dev/shm/x; logger x; echo x >/dev/console");
  expect(formatDifferences(diffCensus(before, take(place.root)))).toBe("");
});
