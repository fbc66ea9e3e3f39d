/** What the host has to share among its machines. */
import type { Host } from "../host/host.ts";
import type { HostCapacity } from "./default-limits.ts";

export function probeHostCapacity({ files }: Pick<Host, "files">): HostCapacity {
  const kernel = (name: string): number => Number(files.readText(`/proc/sys/kernel/${name}`));
  return {
    ...parseHostCapacity(files.readText("/proc/meminfo"), files.readText("/proc/stat")),
    tasks: Math.min(kernel("pid_max"), kernel("threads-max")),
  };
}

/** Of proc_meminfo(5) and proc_stat(5), which has a line for each processor that is online. Pure. */
export function parseHostCapacity(meminfo: string, stat: string): Omit<HostCapacity, "tasks"> {
  const bytes = (name: string): number | undefined => {
    const kilobytes = new RegExp(`^${name}: +(\\d+) kB$`, "m").exec(meminfo)?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
  };
  const memoryBytes = bytes("MemTotal");
  if (memoryBytes === undefined) throw new Error('"/proc/meminfo" has no MemTotal');
  return {
    memoryBytes,
    // A kernel may be built without.
    swapBytes: bytes("SwapTotal") ?? 0,
    cpus: Math.max(1, stat.match(/^cpu\d+ /gm)?.length ?? 0),
  };
}
