/** What an image says of its machines: who runs scripts in them, with what, within which limits. */
import { quoteArgument } from "../text/format-command.ts";
import type { MachineLimits } from "./machine-limits.ts";
import { CONTROL_INSIDE } from "./machine-paths.ts";

export interface MachineUser {
  readonly name: string;
  /** Ids inside the machine, from the image's own /etc/passwd. */
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

export interface MachineSettings {
  /** Who runs the scripts; root when absent. */
  readonly user?: MachineUser | undefined;
  readonly environment: Readonly<Record<string, string>>;
  /** The unit that must be up before scripts run; `multi-user.target` when absent. */
  readonly readyTarget?: string | undefined;
  readonly limits: MachineLimits;
}

export const PLAIN_SETTINGS: MachineSettings = { environment: {}, limits: {} };

/**
 * What the agent reads before each script: assignments for a POSIX shell. Behind whatever PATH the
 * image asks for comes what GitLab Runner's own scripts call. Pure.
 */
export function environmentFile(settings: MachineSettings): string {
  const { user } = settings;
  const own = user === undefined ? {} : { HOME: user.home, USER: user.name, LOGNAME: user.name };
  const lines = Object.entries({ ...own, ...settings.environment }).map(
    ([name, value]) => `export ${name}=${quoteArgument(value)}\n`,
  );
  return [...lines, `export PATH="\${PATH:+$PATH:}${CONTROL_INSIDE}/bin"\n`].join("");
}

/** What the agent reads of the user: one line of name, uid, gid and home. Pure. */
export function userFile(user: MachineUser): string {
  return `${user.name} ${user.uid} ${user.gid} ${user.home}\n`;
}
