/**
 * What a machine is made of, as root in it sees it: a list that a reviewer reads. Newer kernels and other
 * releases of systemd may have less; whatever is more has to be looked at and written down.
 */
import { describe, expect, test } from "bun:test";
import { readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { cleanUpAfterEach, openRunner, PLACES, type Place } from "../harness.ts";

cleanUpAfterEach();

const place = (kind: Place["kind"]): Place => {
  const found = PLACES.find((one) => one.kind === kind);
  if (found === undefined) throw new Error(`there is no ${kind}`);
  return found;
};
const MACHINES = [
  ["booted", place("btrfs"), "trixie"],
  ["plain", place("overlay"), "nosystemd"],
] as const;

/** A line for each fact: its kind, and what it is. */
const LOOK = `#!/bin/sh
exec 2>/dev/null
echo "capabilities $(sed -n 's/^CapBnd:\\t//p' /proc/self/status)"
echo "seccomp $(sed -n 's/^Seccomp:\\t//p' /proc/self/status)"
for n in /proc/self/ns/*; do echo "namespace \${n##*/} $(readlink $n)"; done
while read -r _ _ _ _ target options _; do echo "mount $target \${options%%,*}"; done </proc/self/mountinfo
for f in /proc/* /proc/sys/*; do
  case $f in /proc/[0-9]* | /proc/self | /proc/thread-self | /proc/kmsg) continue ;; esac
  if [ -f $f ]; then [ -n "$(head -c 1 $f | tr '\\0' x)" ] && echo "readable $f"; else echo "directory $f"; fi
done
for f in /sys/* /sys/fs/*; do [ -e $f ] && echo "sysfs $f"; done
for f in /dev/*; do [ -c $f ] || [ -b $f ] && echo "device $f"; done
for f in $(find /proc/sys /sys -xdev -type f -not -path '/sys/fs/cgroup/*' 2>/dev/null); do [ -w $f ] && echo "writable $f"; done
:`;

/** Of systemd 252 and 257. What is new is added to it where NSPAWN_RUNNER_GOLDEN is set. */
const golden = (kind: string): string => `${import.meta.dir}/surface.${kind}.txt`;

/** As the list has it: whether a namespace is the host's, and what may be written to, in short. */
function compare(line: string): string[] {
  const [kind, name = "", id] = line.split(" ");
  // Of the network's own settings there are hundreds, more with each kernel.
  if (kind === "writable") return [`writable ${name.split("/").slice(0, 5).join("/")}`];
  if (kind !== "namespace") return [line];
  if (name.endsWith("_for_children")) return [];
  const isHosts = readlinkSync(`/proc/1/ns/${name}`) === id;
  return [`namespace ${name} ${isHosts ? "of the host" : "its own"}`];
}

describe.each(MACHINES)("a machine, %s,", (kind, where, image) => {
  test("has what is written down, and no more", async () => {
    const machine = await openRunner(where).machine(image);
    const { stdout } = await machine.run(LOOK);
    const facts = stdout.trim().split("\n").flatMap(compare);
    const lines = [...new Set(facts)].sort();
    const known = new Set(readFileSync(golden(kind), "utf8").trim().split("\n"));
    if (process.env.NSPAWN_RUNNER_GOLDEN !== undefined) {
      writeFileSync(golden(kind), `${[...known.union(new Set(lines))].sort().join("\n")}\n`);
    }
    expect(lines.filter((line) => !known.has(line))).toEqual([]);
  });
});
