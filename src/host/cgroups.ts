/** The unified cgroup hierarchy (cgroup v2), as this host's systemd sees it. */
import * as fs from "node:fs";

export interface Cgroups {
  /** `path` begins at systemd's root, such as `system.slice/cron.service`. */
  exists(path: string): boolean;
  /** Whether a process that lives is in it or below (cgroups(7), `cgroup.events`). */
  isPopulated(path: string): boolean;
  /** Whether a process is in it, not counting those below. */
  hasProcesses(path: string): boolean;
  /** What a file of it holds, without the end of the line; nothing where there is none. */
  read(path: string, file: string): string | undefined;
  /** Sets a file of it. Nothing there is fine. */
  write(path: string, file: string, value: string): void;
  /** Names of those in it; none where there is none. */
  list(path: string): string[];
  /** Removes it and those below, but for what has processes. Nothing there is fine. */
  prune(path: string): void;
  /**
   * SIGKILL to every process in it and below, also to those that are forked meanwhile. False when
   * there is no such cgroup, or the kernel has no `cgroup.kill` (Linux 5.14).
   */
  kill(path: string): boolean;
}

export function openCgroups(): Cgroups {
  let known: string | undefined;
  const at = (path: string): string => {
    known ??= rootDirectory(fs.readFileSync("/proc/1/cgroup", "utf8"));
    return `${known}/${path}`;
  };
  return {
    exists: (path) => fs.existsSync(at(path)),
    isPopulated: (path) => /^populated 1$/m.test(readIfThere(`${at(path)}/cgroup.events`)),
    hasProcesses: (path) => readIfThere(`${at(path)}/cgroup.procs`) !== "",
    read: (path, file) => {
      const text = readIfThere(`${at(path)}/${file}`);
      return text === "" ? undefined : text.trimEnd();
    },
    write: (path, file, value) => {
      try {
        fs.writeFileSync(`${at(path)}/${file}`, value, { flag: "r+" });
      } catch (error) {
        if (!isGone(error)) throw error;
      }
    },
    list: (path) => childrenOf(at(path)),
    prune: (path) => prune(at(path)),
    kill: (path) => {
      const file = `${at(path)}/cgroup.kill`;
      if (!fs.existsSync(file)) return false;
      try {
        fs.writeFileSync(file, "1", { flag: "r+" });
        return true;
      } catch (error) {
        // Its last process has just ended, and it with it.
        if (isGone(error)) return false;
        throw error;
      }
    },
  };
}

function childrenOf(directory: string): string[] {
  if (!fs.existsSync(directory)) return [];
  const entries = fs.readdirSync(directory, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

function prune(directory: string): void {
  for (const name of childrenOf(directory)) prune(`${directory}/${name}`);
  try {
    fs.rmdirSync(directory);
  } catch (error) {
    const busy = error instanceof Error && "code" in error && error.code === "EBUSY";
    if (!busy && !isGone(error)) throw error;
  }
}

const isGone = (error: unknown): boolean =>
  error instanceof Error && "code" in error && ["ENODEV", "ENOENT"].includes(String(error.code));

function readIfThere(path: string): string {
  try {
    return fs.readFileSync(path, "utf8");
  } catch (error) {
    if (isGone(error)) return "";
    throw error;
  }
}

/** Pure: systemd is in `init.scope` of its root, which in a container need not be `/`. */
export function rootDirectory(cgroupOfPid1: string): string {
  const own = /^0::(\/.*)$/m.exec(cgroupOfPid1)?.[1] ?? "/";
  return `/sys/fs/cgroup${own.replace(/\/(init\.scope)?$/, "")}`;
}
