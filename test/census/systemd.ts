/** What the host's systemd knows: units in any state, jobs, cgroups, registered machines. */
import { readFileSync } from "node:fs";
import { rootDirectory } from "../../src/host/cgroups.ts";
import { ask, linesOf, namesIn, type Things, tally } from "./things.ts";

/** Services, slices, scopes, mounts, sockets, also those that failed or are only referred to. */
export function seeUnits(): Things {
  const listed = ask("systemctl", "list-units", "--all", "--plain", "--no-legend", "--full");
  return new Map(
    linesOf(listed).map((line) => {
      const [unit = "", load, active, sub] = line.trim().split(/\s+/);
      return [unit, `${load} ${active} ${sub}`];
    }),
  );
}

export function seeJobs(): Things {
  const listed = ask("systemctl", "list-jobs", "--plain", "--no-legend", "--full");
  return tally(linesOf(listed).map((line) => line.trim().split(/\s+/).slice(1).join(" ")));
}

export function seeCgroups(): Things {
  const root = rootDirectory(readFileSync("/proc/1/cgroup", "utf8"));
  return tally(linesOf(ask("find", root, "-type", "d", "-printf", "%P\n")));
}

/** Where machined writes them down. It is not asked: that would start it. */
export function seeRegisteredMachines(): Things {
  return tally(namesIn("/run/systemd/machines"));
}
