/** Finds the processes that the kill loop kills. Nothing where there is none (yet). */
import { readdirSync, readFileSync } from "node:fs";
import { rootDirectory } from "../../src/host/cgroups.ts";
import { machineUnits } from "../../src/machine/machine-units.ts";
import { parseMachineName } from "../../src/text/names.ts";
import { ifThere, linesOf, namesIn, textIfThere } from "../census/things.ts";
import type { Victim } from "./plan-kills.ts";

const ROOT = rootDirectory(readFileSync("/proc/1/cgroup", "utf8"));

/** `driver` is the call of ours that runs, where one does. */
export function findVictims(
  victim: Victim,
  { machine, driver }: { readonly machine: string; readonly driver: number | undefined },
): number[] {
  const cgroup = `${ROOT}/${machineUnits(parseMachineName(machine)).cgroup}`;
  switch (victim) {
    case "driver":
      return driver === undefined ? [] : [driver];
    case "systemd-run":
      return driver === undefined
        ? []
        : childrenOf(driver).filter((pid) => isNamed(pid, "systemd-run"));
    case "nspawn":
      return processesIn(`${cgroup}/supervisor`);
    case "the machine's PID 1":
      return processesIn(`${cgroup}/supervisor`).flatMap(childrenOf);
    case "agent":
      return processesBelow(`${cgroup}/payload`).filter(isAgent);
    case "the deleting unit":
      return namesIn(`${ROOT}/nspawn_runner.slice`)
        .filter((name) => name.startsWith("nspawn-runner-trash-"))
        .flatMap((name) => processesIn(`${ROOT}/nspawn_runner.slice/${name}`));
  }
}

function processesIn(cgroup: string): number[] {
  return linesOf(textIfThere(`${cgroup}/cgroup.procs`) ?? "").map(Number);
}

function processesBelow(cgroup: string): number[] {
  const below = ifThere(() => readdirSync(cgroup, { withFileTypes: true })) ?? [];
  return [
    ...processesIn(cgroup),
    ...below
      .filter((entry) => entry.isDirectory())
      .flatMap((entry) => processesBelow(`${cgroup}/${entry.name}`)),
  ];
}

/** proc(5), /proc/pid/task/tid/children: of all threads, for any of them may have started one. */
function childrenOf(pid: number): number[] {
  return namesIn(`/proc/${pid}/task`).flatMap((task) =>
    (textIfThere(`/proc/${pid}/task/${task}/children`) ?? "")
      .split(" ")
      .filter(Boolean)
      .map(Number),
  );
}

function isNamed(pid: number, command: string): boolean {
  return textIfThere(`/proc/${pid}/comm`) === `${command}\n`;
}

/** The agent itself, and those of it that wait for a script: they have the same words. */
function isAgent(pid: number): boolean {
  const words = (textIfThere(`/proc/${pid}/cmdline`) ?? "").split("\0");
  return words.includes("/run/nspawn-runner/agent");
}
