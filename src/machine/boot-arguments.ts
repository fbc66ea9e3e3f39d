/** How nspawn is told what runs in a machine. Pure. */
import type { MachineName } from "../text/names.ts";
import { unreachable } from "../text/unreachable.ts";
import { CONTROL_INSIDE } from "./machine-paths.ts";
import type { Payload, Session } from "./payload.ts";
import { AGENT_UNIT, NETWORK_UNIT, UNITS_INSIDE } from "./units-inside.ts";

/**
 * Units that a throw-away machine has no use for, or that hold up its boot or its end: needless
 * device nodes (nspawn makes /dev), a console nobody sits at, nobody to ask for a password (PID 1
 * holds an inotify group for each such path, which the kernel takes 10 ms and more to end), network
 * managers of a network that is not theirs, and the night's chores. Masked for this boot alone
 * (systemd-debug-generator(8)).
 */
const MASKED_UNITS: readonly string[] = [
  "systemd-tmpfiles-setup-dev.service",
  "systemd-tmpfiles-setup-dev-early.service",
  "console-getty.service",
  "systemd-ask-password-console.path",
  "systemd-ask-password-wall.path",
  "systemd-journal-flush.service",
  "systemd-hwdb-update.service",
  "systemd-networkd.service",
  "systemd-networkd.socket",
  "systemd-networkd-wait-online.service",
  "systemd-resolved.service",
  "NetworkManager.service",
  "networking.service",
  "apt-daily.timer",
  "apt-daily-upgrade.timer",
  "dpkg-db-backup.timer",
  "e2scrub_all.timer",
  "fstrim.timer",
  "man-db.timer",
];

interface Booting {
  readonly name: MachineName;
  /** It has a network of its own, which the host sets up. */
  readonly connects: boolean;
}

export function payloadArguments(payload: Payload, booting: Booting): string[] {
  switch (payload.kind) {
    case "system":
      return bootArguments(booting);
    case "agent":
      return ["--console=pipe", "--as-pid2", "--", "/bin/sh", `${CONTROL_INSIDE}/agent`];
    case "session":
      return sessionArguments(payload);
    default:
      return unreachable(payload);
  }
}

function bootArguments({ name, connects }: Booting): string[] {
  return [
    // Whether the machine is ready, its agent says, when the image's target for that is reached; its
    // PID 1 would say so only once its last job is done.
    "--notify-ready=no",
    "--console=read-only",
    // The agent's unit is found before any of the image's, whose tree stays as it is; the colon
    // keeps the usual directories (systemd(1)). Only PID 1 has this variable. A bind below
    // /run/systemd would not do: nspawn 252 makes the parents of its target as the host's root,
    // and the machine's PID 1 could not write there.
    `--setenv=SYSTEMD_UNIT_PATH=${UNITS_INSIDE}:`,
    "--boot",
    "--",
    "systemd.show_status=error",
    // Over the /etc/hostname of the image, which is the name of the host it was made on.
    `systemd.hostname=${name}`,
    `systemd.wants=${AGENT_UNIT}`,
    ...(connects ? [`systemd.wants=${NETWORK_UNIT}`] : []),
    ...MASKED_UNITS.map((unit) => `systemd.mask=${unit}`),
  ];
}

/** The second process, not the first: a shell that is PID 1 hears no signal it has no handler for. */
function sessionArguments(session: Session): string[] {
  return [
    `--console=${session.terminal ? "interactive" : "pipe"}`,
    ...(session.readOnly ? ["--read-only"] : []),
    `--hostname=${session.hostName}`,
    ...Object.entries(session.environment).map(([name, value]) => `--setenv=${name}=${value}`),
    "--as-pid2",
    "--",
    "/bin/sh",
    `${CONTROL_INSIDE}/session`,
  ];
}
