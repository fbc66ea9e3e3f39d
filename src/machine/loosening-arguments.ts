/** What an administrator has loosened, as options of nspawn and devices of a machine's unit. Pure. */
import type { HostBind, Loosening } from "./loosening.ts";
import { systemCallArguments } from "./system-calls.ts";

interface Loosened {
  readonly loosening: Loosening;
  readonly nestingDevices: readonly string[];
}

/**
 * Runtimes of containers have a keyring for each: keys belong to a user id of the host's, of which no two
 * machines have the same.
 */
const NESTING_CALLS: readonly string[] = ["@keyring"];

/** Nodes of the host that the machine has, each once. */
export function devicesOf({ loosening, nestingDevices }: Loosened): string[] {
  return [...new Set([...loosening.devices, ...(loosening.nesting ? nestingDevices : [])])];
}

export function looseningArguments(facts: Loosened): string[] {
  const { nesting, capabilities, systemCalls } = facts.loosening;
  return [
    ...systemCallArguments({ systemCalls: [...(nesting ? NESTING_CALLS : []), ...systemCalls] }),
    ...(capabilities.length === 0 ? [] : [`--capability=${capabilities.join(",")}`]),
    ...devicesOf(facts).map((path) => `--bind=${escapeBindPath(path)}`),
  ];
}

/** Ids of files are the same on the host and in the machine, whose root is root there. */
export const bindArguments = ({ binds }: Pick<Loosening, "binds">): string[] =>
  binds.map(({ source, target, writable }: HostBind) => {
    const [from, to] = [escapeBindPath(source), escapeBindPath(target)];
    return `--bind${writable ? "" : "-ro"}=${from}:${to}:idmap`;
  });

/** Paths of `--bind` take `\:` for a colon and `\\` for a backslash (systemd-nspawn(1)). */
export function escapeBindPath(path: string): string {
  return path.replaceAll("\\", "\\\\").replaceAll(":", "\\:");
}
