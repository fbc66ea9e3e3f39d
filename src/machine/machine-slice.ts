/**
 * The slice of a machine: what all of it may take of the host together, its services included. It is
 * there before anything is in it. See docs/decisions/0017-limits-are-the-slices.md.
 */
import type { Host } from "../host/host.ts";
import { RunnerError } from "../text/errors.ts";
import { formatCommandFailure } from "../text/format-command.ts";
import type { MachineName } from "../text/names.ts";
import type { LimitProperty } from "./machine-limits.ts";
import type { MachinePlan } from "./machine-plan.ts";
import { machineUnits } from "./machine-units.ts";

/**
 * cgroups in it. Each takes memory of the host's kernel, and a walk through them time of everybody's.
 * A booted Debian has 40; its services' depth is 3, and each machine within a machine adds 5.
 */
export const CGROUP_BOUNDS = { "cgroup.max.descendants": 1024, "cgroup.max.depth": 32 } as const;

/**
 * The command that starts it. systemd-run cannot: a slice that it makes for a service has no properties.
 * `systemctl set-property --runtime` could, and leaves a file for each in /run for ever. Pure.
 */
export function sliceCommand(slice: string, properties: readonly LimitProperty[]): string[] {
  return [
    "busctl",
    "call",
    "org.freedesktop.systemd1",
    "/org/freedesktop/systemd1",
    "org.freedesktop.systemd1.Manager",
    "StartTransientUnit",
    "ssa(sv)a(sa(sv))",
    slice,
    "fail",
    String(properties.length),
    ...properties.flatMap(({ name, value }) => [name, "t", String(value)]),
    "0",
  ];
}

/** Throws a system error: without its limits no machine starts. */
export async function startSlice(
  host: Pick<Host, "processes">,
  { slice, limits, facts }: MachinePlan,
): Promise<void> {
  const started = await host.processes.run(sliceCommand(slice, limits));
  if (started.exitCode === 0) return;
  throw new RunnerError({
    kind: "system",
    message: `Cannot limit what machine "${facts.name}" may take of the host.`,
    hints: ["systemd is asked for that by D-Bus: is it installed (apt-get install dbus), and up?"],
    cause: new Error(formatCommandFailure(started)),
  });
}

/** Of a machine whose unit has started: systemd has no setting for these. */
export function boundCgroups({ cgroups }: Pick<Host, "cgroups">, name: MachineName): void {
  const { sliceCgroup } = machineUnits(name);
  for (const [file, most] of Object.entries(CGROUP_BOUNDS)) {
    cgroups.write(sliceCgroup, file, String(most));
  }
}
