/** What of a file system is the host's and the images' own, whatever machines write. Pure. */
import type { FileSystemFacts } from "../host/host.ts";

export interface DiskReserve {
  readonly bytes: number;
  readonly inodes: number;
}

const BYTES_SHARE = 1 / 20;
const BYTES_MAX = 4 * 2 ** 30;
const INODES_SHARE = 1 / 50;

export const planReserve = ({ sizeBytes, inodes }: FileSystemFacts): DiskReserve => ({
  bytes: Math.min(Math.floor(sizeBytes * BYTES_SHARE), BYTES_MAX),
  inodes: Math.floor(inodes * INODES_SHARE),
});

/** What there is too little of; nothing where there is enough. */
export function findShortage(
  { freeBytes, freeInodes }: FileSystemFacts,
  reserve: DiskReserve,
): "bytes" | "inodes" | undefined {
  if (freeBytes < reserve.bytes) return "bytes";
  return freeInodes < reserve.inodes ? "inodes" : undefined;
}

export interface DiskUse {
  readonly bytes: number;
  readonly inodes: number;
}

/** A machine that has taken less than this share of what is to be kept free is not what has filled it. */
const GUILTY_SHARE = 1 / 4;

/** The one that has taken most of what there is too little of; nothing when none has taken much. */
export function findGuilty<User extends { readonly use: DiskUse }>(
  users: readonly User[],
  shortage: "bytes" | "inodes",
  reserve: DiskReserve,
): User | undefined {
  const most = users.toSorted((one, other) => other.use[shortage] - one.use[shortage])[0];
  return most !== undefined && most.use[shortage] >= reserve[shortage] * GUILTY_SHARE
    ? most
    : undefined;
}
