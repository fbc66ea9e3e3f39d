/**
 * A range of host ids for each live machine, never shared: inotify instances and other limits
 * count by host uid. A range is taken by creating a file; `release` removes it.
 */
import type { Host } from "../host/host.ts";
import { RunnerError } from "../text/errors.ts";
import type { MachineName } from "../text/names.ts";
import { RANGES_DIRECTORY } from "./machine-paths.ts";

/**
 * The upper part of the ids that systemd sets aside for containers (524288 to 1878982656,
 * "Users, Groups, UIDs and GIDs on systemd systems"); /etc/subuid hands out from the lower end.
 */
const SHIFT_MIN = 0x4000_0000;
const ID_COUNT = 65_536;
const RANGES = 12_000;
const TRIES_MAX = 64;

type RangesHost = Pick<Host, "files" | "randomName">;

/** Takes a free range for the machine; its first id. Throws when none is found. */
export function takeIdRange(host: RangesHost, name: MachineName): number {
  host.files.ensureDirectory(RANGES_DIRECTORY, 0o700);
  for (const shift of freeRanges(host)) {
    try {
      host.files.link(name, `${RANGES_DIRECTORY}/${shift}`);
      return shift;
    } catch (error) {
      if (error instanceof RunnerError) throw error;
      // Taken by another machine: the link is there. Try the next.
    }
  }
  throw noFreeRange();
}

/** A range that is free now, without taking it. */
export function findIdRange(host: RangesHost): number {
  for (const shift of freeRanges(host)) return shift;
  throw noFreeRange();
}

function* freeRanges(host: RangesHost): Generator<number> {
  const start = Number.parseInt(host.randomName(6), 36) % RANGES;
  for (let attempt = 0; attempt < TRIES_MAX; attempt += 1) {
    const shift = SHIFT_MIN + ((start + attempt * 7) % RANGES) * ID_COUNT;
    // nspawn's own `pick` of other containers leaves such a lock file.
    const marks = [`${RANGES_DIRECTORY}/${shift}`, `/run/systemd/nspawn-uid/${shift}`];
    if (marks.every((mark) => host.files.probe(mark) === undefined)) yield shift;
  }
}

function noFreeRange(): RunnerError {
  return new RunnerError({
    kind: "system",
    message: "Cannot find a free range of user ids for another machine.",
    hints: [
      `Each entry of "${RANGES_DIRECTORY}" is one in use; "nspawn-runner gc" frees those of dead machines.`,
    ],
  });
}

/** Frees what the machine holds: asked by name, for a driver may die before it noted a range. */
export function releaseIdRanges(host: Pick<Host, "files">, name: MachineName): void {
  if (host.files.probe(RANGES_DIRECTORY) === undefined) return;
  for (const shift of host.files.list(RANGES_DIRECTORY)) {
    const path = `${RANGES_DIRECTORY}/${shift}`;
    if (readOwner(host, path) === name) host.files.remove(path);
  }
}

function readOwner(host: Pick<Host, "files">, path: string): string | undefined {
  try {
    return host.files.readLink(path);
  } catch {
    // Another machine's, released since we listed it.
    return undefined;
  }
}
