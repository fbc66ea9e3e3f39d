/** Many booted machines at a time. With NSPAWN_RUNNER_SOAK=1 more than the kernel's defaults hold. */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { cleanUpAfterEach, command, later, openRunner, PLACES, unitOf } from "./harness.ts";

cleanUpAfterEach();

const [place] = PLACES;
if (place === undefined) throw new Error("There is no storage.");
const COUNT = process.env.NSPAWN_RUNNER_SOAK === undefined ? 20 : 60;
const LIMIT = "/proc/sys/fs/inotify/max_user_instances";
const INSTANCES_PER_MACHINE = 4;

const limit = (): number => Number(readFileSync(LIMIT, "utf8"));

/** The kernel's, for all labs of this computer: only ever raised. /proc/sys is read-only in a lab. */
const setLimit = (value: number): Promise<unknown> =>
  command(
    "unshare",
    "--mount",
    "sh",
    "-c",
    `mount -o remount,bind,rw /proc/sys && echo ${value} >${LIMIT}`,
  );

/** Inotify instances that processes of a unit hold. */
function countInstances(unit: string): number {
  const { stdout } = Bun.spawnSync(["systemctl", "show", "-P", "ControlGroup", unit]);
  const found = Bun.spawnSync([
    "find",
    `/sys/fs/cgroup${stdout.toString().trim()}`,
    ...["-name", "cgroup.procs", "-exec", "cat", "{}", "+"],
  ]);
  const instances = new Set<string>();
  for (const pid of found.stdout.toString().split("\n").filter(Boolean)) {
    for (const fd of readdirSync(`/proc/${pid}/fd`)) {
      const target = readlinkSync(`/proc/${pid}/fd/${fd}`);
      if (target === "anon_inode:inotify") instances.add(`${pid}/${fd}`);
    }
  }
  return instances.size;
}

test(`${COUNT} machines boot, run a script each, and go`, async () => {
  const before = limit();
  if (before < 1024) {
    later(() => setLimit(before));
    await setLimit(1024);
  }
  const runner = openRunner(place);
  const machines = [];
  for (let index = 0; index < COUNT; index += 1) machines.push(await runner.machine("trixie"));
  for (const machine of machines) {
    expect(await machine.run("systemctl is-system-running")).toMatchObject({ stdout: "running\n" });
  }
  const [first] = machines;
  if (first === undefined) throw new Error("There is no machine.");
  expect(countInstances(unitOf(first.name))).toBe(INSTANCES_PER_MACHINE);
  for (const { name } of machines) {
    expect((await runner.call("cleanup", "--id", name)).code).toBe(0);
  }
});
