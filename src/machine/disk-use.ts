/**
 * What a machine has taken of the disk, found out when the disk is short: by what has changed in its clone
 * since it began to run, and by what its processes hold open that has no name any more. No quota is
 * needed, and nothing of it costs anything before.
 */
import type { Host } from "../host/host.ts";
import { WAITS } from "../host/waits.ts";
import type { MachineName } from "../text/names.ts";
import type { DiskUse } from "./disk-reserve.ts";
import { cloneDirectory } from "./machine-paths.ts";
import { machineUnits } from "./machine-units.ts";

type UseHost = Pick<Host, "cgroups" | "log" | "processes">;

const BLOCK_BYTES = 512; // of find's %b and stat's %b
const HELD_MAX = 1000;
const PROCESSES_MAX = 4096;

// Lines of how many names a file has, its blocks, and, where it has none, which it is.
const HELD = "--format=%h %b %d:%i";
const FILES = ["-printf", "%n %b\\n"];
/** Their links are those in them. */
const DIRECTORIES = ["-type", "d", "-printf", "1 %b\\n"];

/** As much of it as is found within its time: a machine with more files than that has enough. */
export async function measureDiskUse(
  host: UseHost,
  rootDirectory: string,
  name: MachineName,
): Promise<DiskUse> {
  const count = openCount();
  const clone = cloneDirectory(rootDirectory, name);
  // What is in the image already has not changed since; a copy of it changed when it was made.
  const changed = ["find", clone, "-newerct", await startOf(host, name)];
  await countLines(host, [...changed, "(", ...DIRECTORIES, "-o", ...FILES, ")"], count);
  const held = await findHeld(host, name);
  if (held.length > 0) {
    await countLines(host, ["stat", "--dereference", HELD, "--", ...held], count);
  }
  return count.use();
}

interface Count {
  readonly take: (bytes: Uint8Array) => void;
  use(): DiskUse;
}

/** Of such lines, as they come. What has many names, or is open many times, counts once. */
export function openCount(): Count {
  const decoder = new TextDecoder();
  const nameless = new Set<string>();
  let [blocks, inodes, rest] = [0, 0, ""];
  return {
    take: (bytes) => {
      const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const [, links, size, identity] = /^(\d+) (\d+)(?: (\d+:\d+))?$/.exec(line) ?? [];
        if (identity !== undefined && nameless.has(identity)) continue;
        if (identity !== undefined) nameless.add(identity);
        // A part for each name: to remember them all would take memory as a job wants it.
        const share = 1 / Math.max(Number(links ?? 1), 1);
        blocks += Number(size ?? 0) * share;
        inodes += size === undefined ? 0 : share;
      }
    },
    use: () => ({ bytes: Math.round(blocks) * BLOCK_BYTES, inodes: Math.round(inodes) }),
  };
}

/** What vanishes meanwhile fails such a command, and what takes too long counts as far as it came. */
async function countLines(host: UseHost, argv: readonly string[], count: Count): Promise<void> {
  try {
    await host.processes.run(argv, { wait: WAITS.diskCount, onOutput: count.take });
  } catch (error) {
    host.log.debug(`# ${String(error)}`);
  }
}

/** When its unit has started, as find's -newerct reads it: by then its clone was whole. */
async function startOf(host: UseHost, name: MachineName): Promise<string> {
  const shown = await host.processes.exec([
    "systemctl",
    "show",
    "--timestamp=us+utc",
    "--property=ExecMainStartTimestamp",
    machineUnits(name).unit,
  ]);
  return /=\w+ ([-\d]+ [:.\d]+ UTC)$/m.exec(shown)?.[1] ?? "@0";
}

/** Files of the disk that are deleted and open, as /proc shows them; those in memory are none. */
async function findHeld(host: UseHost, name: MachineName): Promise<string[]> {
  const processes = listProcesses(host, `${machineUnits(name).cgroup}/payload`).slice(
    0,
    PROCESSES_MAX,
  );
  if (processes.length === 0) return [];
  const inMemory = ["/memfd:*", "/SYSV*", "/dev/zero *", "/dev/shm/*"];
  const found = await host.processes.run(
    [
      "find",
      ...processes.map((id) => `/proc/${id}/fd`),
      ...["-maxdepth", "1", "-lname", "/* (deleted)"],
      ...inMemory.flatMap((pattern) => ["!", "-lname", pattern]),
      ...["-printf", "%p\\n"],
    ],
    { wait: WAITS.diskCount },
  );
  return found.stdout
    .split("\n")
    .filter((path) => path !== "")
    .slice(0, HELD_MAX);
}

/** All in a cgroup and below. */
function listProcesses({ cgroups }: Pick<Host, "cgroups">, path: string): string[] {
  const own = (cgroups.read(path, "cgroup.procs") ?? "").split("\n").filter((id) => id !== "");
  return [
    ...own,
    ...cgroups.list(path).flatMap((name) => listProcesses({ cgroups }, `${path}/${name}`)),
  ];
}
