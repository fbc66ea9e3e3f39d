/**
 * Transient services in which something of a build runs on this host, beside its machines: in the slice
 * of builds, for as long as the command that has started them. Pure.
 */
import { quoteArgument } from "../text/format-command.ts";

export interface AttendedUnit {
  readonly unit: string;
  readonly description: string;
  /** As systemd-run(1) takes them. */
  readonly properties: readonly string[];
  readonly argv: readonly string[];
}

/**
 * The command that starts it, is its output, and ends as it does. Nothing of our own environment, nor
 * of the manager's, is in the unit's: that is for `argv` to say.
 */
export const attendedCommand = ({
  unit,
  description,
  properties,
  argv,
}: AttendedUnit): string[] => [
  ...ATTENDED,
  unit,
  ...["systemd-run", "--quiet", "--wait", "--pipe", "--collect", `--unit=${unit}`],
  "--slice=nspawn_runner-build.slice",
  `--description=nspawn-runner: ${description}`,
  ...properties.map((property) => `--property=${property}`),
  // systemd puts variables in for "$NAME" in the words of a command.
  ...["--", "/usr/bin/env", "-i", ...argv.map((word) => word.replaceAll("$", "$$$$"))],
];

/**
 * A shell that ends the service, which would outlive systemd-run, when it or its parent is to end. First
 * systemd-run: it may be about to start what would be stopped then.
 */
const ATTENDED = [
  ...["setpriv", "--pdeathsig=TERM", "--", "bash", "-c"],
  'unit=$1; shift; trap \'kill -KILL "$!"; systemctl stop "$unit"; exit 143\' TERM INT HUP; "$@" & wait "$!"',
  "attend",
];

/** What a service does not need that only reads, or works in a directory of its own. */
export const HARDENED: readonly string[] = [
  "ProtectSystem=strict",
  "PrivateTmp=yes",
  "PrivateDevices=yes",
  "PrivateIPC=yes",
  "ProtectProc=invisible",
  "ProtectControlGroups=yes",
  "ProtectKernelTunables=yes",
  "ProtectKernelModules=yes",
  "ProtectKernelLogs=yes",
  "ProtectClock=yes",
  "ProtectHostname=yes",
  "KeyringMode=private",
  "LockPersonality=yes",
  "RestrictRealtime=yes",
  "SystemCallArchitectures=native",
];

/** Of all that is made for a build; the host's own programs are worth more. */
export const AMOUNTS: readonly string[] = ["LimitCORE=0", "OOMScoreAdjust=500", "UMask=0022"];

/** Lines of a shell's script. In a file, since anyone may look at arguments, and a proxy's address can hold a password. */
export const exportLines = (environment: Readonly<Record<string, string>>): string[] =>
  Object.entries(environment).map(([name, value]) => `export ${name}=${quoteArgument(value)}`);

/** systemd.exec(5): a colon separates source and destination, and blanks separate paths. */
export const escapeBind = (path: string): string => path.replace(/[\\: ]/g, "\\$&");

/** systemd-run(1) takes one backslash away from names of units, as in "x\\x2dy.service". */
export const escapeUnit = (name: string): string => name.replaceAll("\\", "\\\\");
