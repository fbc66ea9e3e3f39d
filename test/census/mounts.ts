/** Mounts of the host, and namespaces that something other than a process keeps alive. */
import { readFileSync, readlinkSync } from "node:fs";
import { liveProcesses } from "./processes.ts";
import { ifThere, linesOf, namesIn, type Things, tally } from "./things.ts";

interface Mount {
  readonly target: string;
  /** What of its file system is mounted: for a namespace, `net:[4026531840]`. */
  readonly part: string;
  readonly kind: string;
}

/** Of the mount namespace that PID 1 is in (proc(5), /proc/pid/mountinfo). */
function hostMounts(): Mount[] {
  return linesOf(readFileSync("/proc/1/mountinfo", "utf8")).map((line) => {
    const [before = "", after = ""] = line.split(" - ");
    const fields = before.split(" ");
    return { part: fields[3] ?? "", target: fields[4] ?? "", kind: after.split(" ")[0] ?? "" };
  });
}

export function seeMounts(): Things {
  return tally(hostMounts().map(({ target, kind }) => `${target} (${kind})`));
}

const NAMESPACES = ["mnt", "net", "pid", "user", "ipc", "uts", "cgroup"] as const;

/** Those that a bind mount or an open descriptor holds, while no process is in them. */
export function seeNamespacesWithoutProcess(): Things {
  const inhabited = new Set<string>();
  const held: string[] = [];
  for (const { pid } of liveProcesses()) {
    for (const kind of NAMESPACES) {
      const name = ifThere(() => readlinkSync(`/proc/${pid}/ns/${kind}`));
      if (name !== undefined) inhabited.add(name);
    }
    for (const fd of namesIn(`/proc/${pid}/fd`)) {
      const name = ifThere(() => readlinkSync(`/proc/${pid}/fd/${fd}`)) ?? "";
      if (/^\w+:\[\d+\]$/.test(name) && !/^(socket|pipe):/.test(name)) held.push(name);
    }
  }
  for (const { kind, part } of hostMounts()) if (kind === "nsfs") held.push(part);
  return tally(
    held.filter((name) => !inhabited.has(name)).map((name) => name.replace(/:.*/, " namespace")),
  );
}

/** How many namespaces of each kind processes are in, by the cgroup of those. */
export function seeNamespaces(): Things {
  const seen = new Map<string, string>();
  for (const { pid, cgroup } of liveProcesses()) {
    for (const kind of NAMESPACES) {
      const name = ifThere(() => readlinkSync(`/proc/${pid}/ns/${kind}`));
      if (name !== undefined && !seen.has(name)) seen.set(name, `${kind} namespace in ${cgroup}`);
    }
  }
  return tally(seen.values());
}
