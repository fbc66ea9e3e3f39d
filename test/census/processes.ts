/** Processes, and what they hold: ids, descriptors, inotify groups, locks. */
import { readFileSync, readlinkSync, statSync } from "node:fs";
import { ifThere, linesOf, namesIn, type Things, tally, textIfThere } from "./things.ts";

/** Ids that machines get (src/machine/id-range.ts), and those below that systemd sets aside for containers. */
const MACHINE_IDS = { first: 524_288, last: 2_147_352_575 } as const;

interface LiveProcess {
  readonly pid: number;
  readonly command: string;
  readonly cgroup: string;
  readonly uid: number;
}

/** All but us and what we have started: the census is no part of what it counts. */
export function liveProcesses(): LiveProcess[] {
  const parents = new Map<number, number>();
  const found: LiveProcess[] = [];
  for (const name of namesIn("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const status = textIfThere(`/proc/${pid}/status`);
    const cgroup = textIfThere(`/proc/${pid}/cgroup`);
    // A zombie is in no cgroup any more; its parent is to blame, who is in the list.
    if (status === undefined || cgroup === undefined) continue;
    const field = (label: string): string =>
      new RegExp(`^${label}:\\s+(\\S+)`, "m").exec(status)?.[1] ?? "";
    parents.set(pid, Number(field("PPid")));
    found.push({
      pid,
      command: field("Name"),
      cgroup: /^0::(.*)$/m.exec(cgroup)?.[1] ?? "",
      uid: Number(field("Uid")),
    });
  }
  const ours = (pid: number): boolean =>
    pid === process.pid || (pid > 1 && ours(parents.get(pid) ?? 0));
  return found.filter(({ pid }) => !ours(pid));
}

export function seeProcesses(): Things {
  return tally(liveProcesses().map(({ command, cgroup }) => `${command} in ${cgroup}`));
}

export function seeProcessesOfMachines(): Things {
  const { first, last } = MACHINE_IDS;
  return tally(
    liveProcesses()
      .filter(({ uid }) => uid >= first && uid <= last)
      .map(({ command, uid }) => `${command} of uid ${uid}`),
  );
}

/** What a descriptor is, without the number that is another at each look. */
function kindOfDescriptor(link: string): string {
  return link.replace(/^(socket|pipe|\w+):\[\d+\]$/, "$1").replace(/ \(deleted\)$/, "");
}

/** Of PID 1 and of what serves the whole host for as long as it is up. */
const LONG_LIVED =
  /^(systemd|systemd-journal|dbus-daemon|dbus-broker|systemd-udevd|systemd-machine)$/;

const CALLS_MS = 20;
const CALLS_TRIES = 10;

/** A client of systemd that has just ended is forgotten a moment later: the same twice is the truth. */
export function seeDescriptors(): Things {
  let seen = descriptorsNow();
  for (let attempt = 0; attempt < CALLS_TRIES; attempt += 1) {
    Bun.sleepSync(CALLS_MS);
    const again = descriptorsNow();
    if (Bun.deepEquals(seen, again)) break;
    seen = again;
  }
  return seen;
}

function descriptorsNow(): Things {
  const held: string[] = [];
  for (const { pid, command, cgroup } of liveProcesses()) {
    if (!LONG_LIVED.test(command) || cgroup.includes("payload")) continue;
    for (const fd of namesIn(`/proc/${pid}/fd`)) {
      const link = ifThere(() => readlinkSync(`/proc/${pid}/fd/${fd}`));
      if (link !== undefined)
        held.push(`${kindOfDescriptor(link)} of ${pid === 1 ? "PID 1" : command}`);
    }
  }
  return tally(held);
}

/** The kernel counts them by user (inotify(7), max_user_instances). */
export function seeInotify(): Things {
  const held: string[] = [];
  for (const { pid, uid } of liveProcesses()) {
    for (const fd of namesIn(`/proc/${pid}/fd`)) {
      const link = ifThere(() => readlinkSync(`/proc/${pid}/fd/${fd}`));
      if (link === "anon_inode:inotify") held.push(`inotify groups of uid ${uid}`);
    }
  }
  return tally(held);
}

/** Held with flock(2) or fcntl(2). Those of open descriptions have no owner that we could name. */
export function seeHeldLocks(): Things {
  const live = new Map(liveProcesses().map((one) => [one.pid, one]));
  const held: string[] = [];
  for (const line of linesOf(readFileSync("/proc/locks", "utf8"))) {
    const [, kind, , , pid] = line.split(/\s+/);
    const holder = live.get(Number(pid));
    if (holder !== undefined) held.push(`${kind} by ${holder.command} in ${holder.cgroup}`);
  }
  return tally(held);
}

/** Loop devices whose file is one of this host: a lab sees those of its neighbours as well. */
export function seeLoopDevices(): Things {
  const listed = Bun.spawnSync(
    ["losetup", "--list", "--noheadings", "--raw", "--output=NAME,BACK-INO,BACK-FILE"],
    // It complains of devices that this host has no nodes for.
    { stdin: "ignore", stderr: "ignore" },
  );
  const ours = linesOf(listed.stdout.toString()).flatMap((line) => {
    const [device = "", inode, file = ""] = line.split(" ");
    const found = ifThere(() => statSync(file));
    return found !== undefined && String(found.ino) === inode ? [`${device} on ${file}`] : [];
  });
  return tally(ours);
}
