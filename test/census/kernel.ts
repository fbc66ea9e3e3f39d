/** What else the kernel keeps for those who asked: shared memory, settings, device nodes, subvolumes. */
import { ask, linesOf, namesIn, type Things, tally, textIfThere } from "./things.ts";

/** System V memory, semaphores and queues (proc(5)), and POSIX queues (mq_overview(7)). */
export function seeIpc(): Things {
  const sysv = ["shm", "sem", "msg"].flatMap((kind) =>
    linesOf(textIfThere(`/proc/sysvipc/${kind}`) ?? "")
      .slice(1)
      .map((line) => `${kind} ${line.trim().split(/\s+/)[1]}`),
  );
  return tally([...sysv, ...namesIn("/dev/mqueue").map((name) => `mqueue ${name}`)]);
}

/** What a runner, a machine or a job's tool could want otherwise. Not all: many are counters. */
const SYSCTLS = [
  "fs/inotify/max_queued_events",
  "fs/inotify/max_user_instances",
  "fs/inotify/max_user_watches",
  "fs/protected_hardlinks",
  "fs/protected_symlinks",
  "kernel/core_pattern",
  "kernel/core_uses_pid",
  "kernel/dmesg_restrict",
  "kernel/keys/maxkeys",
  "kernel/panic",
  "kernel/pid_max",
  "kernel/printk",
  "kernel/sysrq",
  "kernel/threads-max",
  "kernel/unprivileged_userns_clone",
  "net/core/somaxconn",
  "net/ipv4/conf/all/accept_local",
  "net/ipv4/conf/all/arp_ignore",
  "net/ipv4/conf/all/forwarding",
  "net/ipv4/conf/all/proxy_arp",
  "net/ipv4/conf/all/route_localnet",
  "net/ipv4/conf/all/rp_filter",
  "net/ipv4/conf/default/forwarding",
  "net/ipv4/conf/default/rp_filter",
  "net/ipv4/ip_forward",
  "net/ipv4/ip_local_port_range",
  "net/ipv4/ip_unprivileged_port_start",
  "net/ipv6/conf/all/disable_ipv6",
  "net/ipv6/conf/all/forwarding",
  "net/netfilter/nf_conntrack_max",
  "user/max_mnt_namespaces",
  "user/max_net_namespaces",
  "user/max_user_namespaces",
  "vm/max_map_count",
  "vm/overcommit_memory",
  "vm/swappiness",
] as const;

export function seeSysctls(): Things {
  return new Map(
    SYSCTLS.map((name) => [name, (textIfThere(`/proc/sys/${name}`) ?? "not there").trim()]),
  );
}

/** Owners and modes. Terminals come and go; shared memory is counted with the other files. */
export function seeDevices(): Things {
  const listed = ask(
    ...["find", "/dev", "(", "-path", "/dev/pts/*", "-o", "-path", "/dev/shm", "-o"],
    ...["-path", "/dev/mqueue", ")", "-prune", "-o", "-printf", "%p\t%M %U:%G %l\n"],
  );
  return new Map(
    linesOf(listed).map((line) => {
      const [path = "", how = ""] = line.split("\t");
      return [path, how.trim()];
    }),
  );
}

/** Also those that are deleted and not yet cleaned, on each btrfs that is mounted. */
export function seeSubvolumes(): Things {
  const places = linesOf(textIfThere("/proc/1/mountinfo") ?? "").flatMap((line) => {
    const [before = "", after = ""] = line.split(" - ");
    return after.startsWith("btrfs ") ? [before.split(" ")[4] ?? ""] : [];
  });
  return tally(
    places.flatMap((place) => [
      ...subvolumes(place, []).map((path) => `${place}: ${path}`),
      ...subvolumes(place, ["-d"]).map(() => `${place}: deleted, not cleaned`),
    ]),
  );
}

function subvolumes(place: string, options: readonly string[]): string[] {
  const listed = ask("btrfs", "subvolume", "list", ...options, place);
  return linesOf(listed).map((line) => line.replace(/^.* path /, ""));
}
