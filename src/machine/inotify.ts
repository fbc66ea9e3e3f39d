/**
 * The host's inotify instances, of which all machines share one lot: since Linux 4.11 an instance
 * counts for whoever made its user namespace too (user_namespaces(7)), which for machines is the
 * host's root, whatever ids they have.
 */
import type { Host } from "../host/host.ts";
import { MACHINES_DIRECTORY } from "./machine-paths.ts";

const LIMIT = "/proc/sys/fs/inotify/max_user_instances";
/** Of one machine that boots Debian 13; measured. One without an init has none. */
const PER_MACHINE = 4;
/** For the host's own programs: an idle Debian 13 has about ten. */
const OF_THE_HOST = 32;

/** A hint for the administrator when there are too few for one more machine; nothing otherwise. */
export function probeInotify(host: Pick<Host, "files">): string | undefined {
  if (host.files.probe(LIMIT) === undefined) return undefined;
  const machines =
    host.files.probe(MACHINES_DIRECTORY) === undefined
      ? 0
      : host.files.list(MACHINES_DIRECTORY).length;
  return explainInotify({ limit: Number(host.files.readText(LIMIT)), machines });
}

/** `machines`: those there are, the one in question included. Pure. */
export function explainInotify(facts: {
  readonly limit: number;
  readonly machines: number;
}): string | undefined {
  const { limit, machines } = facts;
  if (machines * PER_MACHINE + OF_THE_HOST <= limit) return undefined;
  return `This host has ${limit} inotify instances for itself and ${machines} machines, of which each takes ${PER_MACHINE}: raise fs.inotify.max_user_instances (sysctl.d/50-nspawn-runner.conf).`;
}
