/**
 * Where Ansible runs: a transient service on this host that can read files, use the network and speak to
 * the door of a machine, and change nothing but a directory of its own. See docs/decisions/. Pure.
 *
 * It is a user of its own rather than root without rights: root's sockets, processes and files are not
 * its, whatever the kernel or a daemon grants to the number 0. What it needs of root is to read what an
 * administrator has put beside a definition: CAP_DAC_READ_SEARCH. access(2) asks for that too only with
 * the securebit (capabilities(7)); without it Ansible passes over an ansible.cfg that is root's alone.
 */

import { quoteArgument } from "../../text/format-command.ts";
import {
  AMOUNTS,
  attendedCommand,
  escapeBind,
  escapeUnit,
  exportLines,
  HARDENED,
} from "../attended-unit.ts";

/**
 * Above all numbers that systemd gives to anyone but foreign disks (UIDS-GIDS.md: "unused" from 0x70000000
 * to 0x7ffdffff), and that our machines have (`machine/id-range.ts`): no process is of the same user.
 */
export const SANDBOX_UID = 0x7ffd_0000;

export interface SandboxPlaces {
  readonly unit: string;
  /** Of what runs in it, for files. */
  readonly name: string;
  /** Files of ours, which it may read. */
  readonly work: string;
  /** In `work`: the one directory that it may write to. */
  readonly state: string;
  /** Where the definition lies. */
  readonly directory: string;
  /** A passwd(5) that knows its user: ssh(1) runs for nobody else. */
  readonly passwd: string;
  /** Whether it has the host's network, or none. */
  readonly connects: boolean;
  readonly timeMaxSeconds: number;
  /** It ends with that unit. */
  readonly endsWith?: string;
}

const RIGHTS = [
  // To become its user, all but the last.
  "CapabilityBoundingSet=CAP_SETUID CAP_SETGID CAP_SETPCAP CAP_DAC_READ_SEARCH",
  ...HARDENED,
  "RestrictNamespaces=yes",
  "RestrictSUIDSGID=yes",
  "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
  "SystemCallFilter=@system-service @setuid capset setgroups",
  // The fourth opens files of a disk that is mounted nowhere in here.
  "SystemCallFilter=~ptrace process_vm_readv process_vm_writev open_by_handle_at @keyring",
  "SystemCallErrorNumber=EPERM",
];

/** Sockets of daemons are in /run; resolv.conf may be a link into it. */
const RUN = [
  "TemporaryFileSystem=/run:mode=0755",
  ...[
    "/run/systemd/resolve/stub-resolv.conf",
    "/run/systemd/resolve/resolv.conf",
    "/run/resolvconf/resolv.conf",
    "/run/NetworkManager/resolv.conf",
  ].map((path) => `BindReadOnlyPaths=-${path}`),
];

export interface SandboxPlan {
  /** What the service begins with. */
  readonly script: { readonly path: string; readonly text: string };
  readonly argv: readonly string[];
  /** The command itself. */
  readonly words: readonly string[];
}

/**
 * `environment` is all that the command has: a service gets the manager's too. It is in a file, since
 * anyone may look at arguments, and a proxy's address can hold a password.
 */
export function planSandbox(
  places: SandboxPlaces,
  environment: Readonly<Record<string, string>>,
  command: readonly string[],
): SandboxPlan {
  const { unit, work, state, directory, passwd, endsWith } = places;
  const script = `${work}/${places.name}.sh`;
  const properties = [
    ...RIGHTS,
    ...RUN,
    ...AMOUNTS,
    "TasksMax=1024",
    ...(places.connects ? [] : ["PrivateNetwork=yes"]),
    // What of these is below /tmp would be out of sight.
    `BindReadOnlyPaths=${escapeBind(topOf(directory))}`,
    `BindReadOnlyPaths=${escapeBind(work)}`,
    `BindPaths=${escapeBind(state)}`,
    `BindReadOnlyPaths=${escapeBind(passwd)}:/etc/passwd`,
    `WorkingDirectory=${directory}`,
    `RuntimeMaxSec=${places.timeMaxSeconds}`,
    ...(endsWith === undefined ? [] : [`BindsTo=${escapeUnit(endsWith)}`]),
    ...(endsWith === undefined ? [] : [`After=${escapeUnit(endsWith)}`]),
  ];
  return {
    words: command,
    script: { path: script, text: scriptText(environment, command) },
    argv: attendedCommand({
      ...{ unit, properties, description: "Ansible" },
      argv: ["/bin/sh", script],
    }),
  };
}

function scriptText(
  environment: Readonly<Record<string, string>>,
  command: readonly string[],
): string {
  const become = [
    ...["setpriv", `--reuid=${SANDBOX_UID}`, `--regid=${SANDBOX_UID}`, "--clear-groups"],
    ...["inh-caps", "ambient-caps", "bounding-set"].map((set) => `--${set}=-all,+dac_read_search`),
    "--securebits=+no_setuid_fixup,+no_setuid_fixup_locked",
    "--no-new-privs",
    "--",
  ];
  return [
    ...exportLines(environment),
    `exec ${[...become, ...command].map(quoteArgument).join(" ")}`,
    "",
  ].join("\n");
}

/** In a directory for temporary files: what somebody has put there, with all that is beside it. */
const topOf = (path: string): string => /^(?:\/var)?\/tmp\/[^/]+/.exec(path)?.[0] ?? path;
