/**
 * What file systems count and limit: by ioctl(2) and quotactl_fd(2) (Linux 5.14), for which no package
 * that every host has brings commands. Numbers are those of linux/btrfs.h, linux/fs.h, linux/quota.h and
 * linux/dqblk_xfs.h.
 */
import * as fs from "node:fs";
import { constants } from "node:os";
import { controlFile, controlQuota, unlessRefused } from "./libc.ts";

export interface ProjectUse {
  readonly id: number;
  readonly bytes: number;
  readonly inodes: number;
  /** Nothing where there is none. */
  readonly limitBytes: number | undefined;
}

export interface Quotas {
  /** How btrfs counts what each subvolume has written, as quota groups or simply; nothing when it does not. */
  probeSubvolumes(path: string): "groups" | "simple" | undefined;
  /** Whether the file system of a path holds projects to their limits. */
  keepsProjects(path: string): boolean;
  /** The project that a directory is of; 0 is none. */
  readProject(directory: string): number;
  /** Makes a directory a project's, with all that is made in it from then on. */
  setProject(directory: string, id: number): void;
  /** Nothing may be written to the project beyond that; no limit when absent. */
  limitProject(path: string, id: number, bytes: number | undefined): void;
  /** The project with that number, or else the next one that has a limit or a file. */
  findProject(path: string, id: number): ProjectUse | undefined;
}

export function openQuotas(): Quotas {
  return {
    probeSubvolumes: (path) => withFile(path, probeSubvolumes),
    keepsProjects: (path) => withFile(path, keepsProjects),
    readProject: (path) => withFile(path, (fd) => readAttributes(fd, path).readUInt32LE(PROJECT)),
    setProject: (path, id) =>
      withFile(path, (fd) => {
        const attributes = readAttributes(fd, path);
        attributes.writeUInt32LE((attributes.readUInt32LE(FLAGS) | PROJECT_INHERITED) >>> 0, FLAGS);
        attributes.writeUInt32LE(id, PROJECT);
        controlFile(fd, FS_IOC_FSSETXATTR, attributes, path);
      }),
    limitProject: (path, id, bytes) => withFile(path, (fd) => limitProject(fd, id, bytes ?? 0)),
    findProject: (path, id) => withFile(path, (fd) => findProject(fd, id)),
  };
}

function withFile<Result>(path: string, act: (fd: number) => Result): Result {
  const fd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW);
  try {
    return act(fd);
  } finally {
    fs.closeSync(fd);
  }
}

const { EPERM, ENOENT, ESRCH, EINVAL, ENOTTY, ENOSYS, EOPNOTSUPP } = constants.errno;
/** Of what does not count at all, in the words of one file system or another, or of a container's filter. */
const NOT_COUNTED = [EPERM, ENOENT, ESRCH, EINVAL, ENOTTY, ENOSYS, EOPNOTSUPP];

const BTRFS_IOC_TREE_SEARCH = 0xd0009411;
/** struct btrfs_ioctl_search_args: what is searched for, and then what was found, each behind its header. */
const [SEARCH_BYTES, SEARCH_KEY_BYTES, SEARCH_HEADER_BYTES] = [4096, 104, 32];
const BTRFS_QUOTA_TREE_OBJECTID = 8n;
const BTRFS_QGROUP_STATUS_KEY = 240;
/** Of struct btrfs_qgroup_status_item, behind version and generation. */
const STATUS_FLAGS = 16;
const [STATUS_ON, STATUS_SIMPLE] = [1n, 8n];

function probeSubvolumes(fd: number): "groups" | "simple" | undefined {
  const search = Buffer.alloc(SEARCH_BYTES);
  search.writeBigUInt64LE(BTRFS_QUOTA_TREE_OBJECTID, 0);
  search.writeBigUInt64LE(0xffff_ffff_ffff_ffffn, 48); // max_transid
  search.writeUInt32LE(BTRFS_QGROUP_STATUS_KEY, 56); // min_type
  search.writeUInt32LE(BTRFS_QGROUP_STATUS_KEY, 60); // max_type
  search.writeUInt32LE(1, 64); // nr_items
  const found = unlessRefused(NOT_COUNTED, () => {
    controlFile(fd, BTRFS_IOC_TREE_SEARCH, search, "BTRFS_IOC_TREE_SEARCH");
    return search.readUInt32LE(64);
  });
  if (found !== 1) return undefined;
  const flags = search.readBigUInt64LE(SEARCH_KEY_BYTES + SEARCH_HEADER_BYTES + STATUS_FLAGS);
  if ((flags & STATUS_ON) === 0n) return undefined;
  return (flags & STATUS_SIMPLE) === 0n ? "groups" : "simple";
}

const FS_IOC_FSGETXATTR = 0x801c581f;
const FS_IOC_FSSETXATTR = 0x401c5820;
/** struct fsxattr */
const [ATTRIBUTES_BYTES, FLAGS, PROJECT] = [28, 0, 12];
const PROJECT_INHERITED = 0x200;

function readAttributes(fd: number, path: string): Buffer {
  const attributes = Buffer.alloc(ATTRIBUTES_BYTES);
  controlFile(fd, FS_IOC_FSGETXATTR, attributes, path);
  return attributes;
}

// What linux/quota.h and linux/dqblk_xfs.h make of a command, for projects.
const command = (number: number): number => ((0x5800 + number) << 8) | 2;
const [Q_XSETQLIM, Q_XGETQSTATV, Q_XGETNEXTQUOTA] = [command(4), command(8), command(9)];
/** struct fs_quota_statv: version, flags. */
const [STATE_BYTES, STATE_FLAGS] = [256, 2];
const STATE_PROJECTS_LIMITED = 1 << 5;
/** struct fs_disk_quota */
const [QUOTA_BYTES, QUOTA_FLAGS, QUOTA_FIELDS, QUOTA_ID] = [112, 1, 2, 4];
const [QUOTA_LIMIT, QUOTA_USED, QUOTA_INODES] = [8, 40, 48];
const QUOTA_OF_PROJECT = 2;
/** The limit of bytes. */
const FIELD_LIMIT = 1 << 3;
/** What these structures count in. */
const BLOCK_BYTES = 512;

function keepsProjects(fd: number): boolean {
  const state = Buffer.alloc(STATE_BYTES);
  state.writeInt8(1, 0);
  const flags = unlessRefused(NOT_COUNTED, () => {
    controlQuota(fd, Q_XGETQSTATV, 0, state);
    return state.readUInt16LE(STATE_FLAGS);
  });
  return flags !== undefined && (flags & STATE_PROJECTS_LIMITED) !== 0;
}

function limitProject(fd: number, id: number, bytes: number): void {
  const quota = Buffer.alloc(QUOTA_BYTES);
  quota.writeInt8(1, 0);
  quota.writeInt8(QUOTA_OF_PROJECT, QUOTA_FLAGS);
  quota.writeUInt16LE(FIELD_LIMIT, QUOTA_FIELDS);
  quota.writeUInt32LE(id, QUOTA_ID);
  quota.writeBigUInt64LE(BigInt(Math.ceil(bytes / BLOCK_BYTES)), QUOTA_LIMIT);
  controlQuota(fd, Q_XSETQLIM, id, quota);
}

function findProject(fd: number, id: number): ProjectUse | undefined {
  const quota = Buffer.alloc(QUOTA_BYTES);
  return unlessRefused(NOT_COUNTED, () => {
    controlQuota(fd, Q_XGETNEXTQUOTA, id, quota);
    const bytesAt = (offset: number): number => Number(quota.readBigUInt64LE(offset)) * BLOCK_BYTES;
    return {
      id: quota.readUInt32LE(QUOTA_ID),
      bytes: bytesAt(QUOTA_USED),
      inodes: Number(quota.readBigUInt64LE(QUOTA_INODES)),
      limitBytes: bytesAt(QUOTA_LIMIT) || undefined,
    };
  });
}
