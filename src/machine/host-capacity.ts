/** What the host has to share among its machines. */
import type { Host } from "../host/host.ts";
import type { HostCapacity } from "./default-limits.ts";

export const probeHostCapacity = (host: Pick<Host, "files">): HostCapacity =>
  parseHostCapacity(host.files.readText("/proc/meminfo"), host.files.readText("/proc/stat"));

/** Of proc_meminfo(5) and proc_stat(5), which has a line for each processor that is online. Pure. */
export function parseHostCapacity(meminfo: string, stat: string): HostCapacity {
  const total = /^MemTotal: +(\d+) kB$/m.exec(meminfo)?.[1];
  if (total === undefined) throw new Error('"/proc/meminfo" has no MemTotal');
  return {
    memoryBytes: Number(total) * 1024,
    cpus: Math.max(1, stat.match(/^cpu\d+ /gm)?.length ?? 0),
  };
}
