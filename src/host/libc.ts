/**
 * System calls that have no command or no binding in the runtime, through `bun:ffi`.
 * The only file that loads libc. x86-64 and arm64 share the numbers used here
 * (asm-generic/unistd.h: the calls added since Linux 5.0 have one number everywhere).
 */
import { CString, dlopen, FFIType, ptr, read } from "bun:ffi";
import { constants } from "node:os";
import { type NetlinkMessage, parseMessages } from "./netlink.ts";

const { int, ptr: pointer, u64, i64, u32 } = FFIType;

const library = () =>
  dlopen("libc.so.6", {
    mkfifo: { args: [pointer, u32], returns: int },
    pthread_sigmask: { args: [int, pointer, pointer], returns: int },
    flock: { args: [int, int], returns: int },
    ioctl: { args: [int, u64, i64], returns: int },
    mount: { args: [pointer, pointer, pointer, u64, pointer], returns: int },
    umount2: { args: [pointer, int], returns: int },
    name_to_handle_at: { args: [int, pointer, pointer, pointer, int], returns: int },
    renameat2: { args: [int, pointer, int, pointer, u32], returns: int },
    socket: { args: [int, int, int], returns: int },
    recv: { args: [int, pointer, u64, int], returns: i64 },
    close: { args: [int], returns: int },
    sendto: { args: [int, pointer, u64, int, pointer, u32], returns: i64 },
    execve: { args: [pointer, pointer, pointer], returns: int },
    getrlimit: { args: [int, pointer], returns: int },
    setrlimit: { args: [int, pointer], returns: int },
    signal: { args: [int, i64], returns: pointer },
    prctl: { args: [int, u64, u64, u64, u64], returns: int },
    poll: { args: [pointer, u64, int], returns: int },
    syscall: { args: [i64, i64, i64, i64, i64, i64], returns: i64 },
    __errno_location: { args: [], returns: pointer },
    strerror: { args: [int], returns: pointer },
  });

let loaded: ReturnType<typeof library> | undefined;
const libc = () => {
  loaded ??= library();
  return loaded.symbols;
};

const cString = (text: string): Buffer => Buffer.from(`${text}\0`);

export class SystemCallError extends Error {
  readonly errno: number;
  constructor(call: string, subject: string, errno: number) {
    const text = libc().strerror(errno);
    super(`${call} ${subject}: ${text === null ? `error ${errno}` : new CString(text)}`);
    this.errno = errno;
  }
}

const { EPERM, ENOENT, EWOULDBLOCK, ENAMETOOLONG, ENOSYS, EOPNOTSUPP } = constants.errno;

/** The result, or nothing where the kernel refuses with one of these errors. */
export function unlessRefused<Result>(
  errors: readonly number[],
  act: () => Result,
): Result | undefined {
  try {
    return act();
  } catch (error) {
    if (error instanceof SystemCallError && errors.includes(error.errno)) return undefined;
    throw error;
  }
}

function check(call: string, subject: string, result: number | bigint): number {
  if (Number(result) >= 0) return Number(result);
  const location = libc().__errno_location();
  throw new SystemCallError(call, subject, location === null ? 0 : read.i32(location, 0));
}

/** mkfifo(3). Throws when the path exists. */
export function makeFifo(path: string, mode: number): void {
  check("mkfifo", path, libc().mkfifo(ptr(cString(path)), mode));
}

export const SIGQUIT = 3;
const SIG_BLOCK = 0;
/** `sigset_t` of glibc. */
const SIGNAL_SET_BYTES = 128;

/** pthread_sigmask(3), for this thread and what it starts. */
export function blockSignal(signal: number): void {
  const set = Buffer.alloc(SIGNAL_SET_BYTES);
  set.writeUInt8(1 << ((signal - 1) % 8), Math.floor((signal - 1) / 8));
  check("pthread_sigmask", `${signal}`, -libc().pthread_sigmask(SIG_BLOCK, ptr(set), null));
}

const POLLOUT = 4;

/** poll(2): waits until a descriptor takes more, or for that time. False when it does not. */
export function awaitRoom(fd: number, ms: number): boolean {
  const polled = Buffer.alloc(8); // struct pollfd: fd, events, revents
  polled.writeInt32LE(fd, 0);
  polled.writeInt16LE(POLLOUT, 4);
  return libc().poll(ptr(polled), 1, Math.max(Math.ceil(ms), 0)) > 0;
}

const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;

/** flock(2) on an open descriptor, which never waits. False when another holder is in the way. */
export function lockFile(fd: number, mode: "shared" | "exclusive"): boolean {
  const operation = (mode === "shared" ? LOCK_SH : LOCK_EX) | LOCK_NB;
  try {
    check("flock", `descriptor ${fd}`, libc().flock(fd, operation));
    return true;
  } catch (error) {
    if (error instanceof SystemCallError && error.errno === EWOULDBLOCK) return false;
    throw error;
  }
}

const FICLONE = 0x40049409; // linux/fs.h

/** ioctl_ficlone(2): the copy gets the source's data without a copy. False where that is not so. */
export function shareData(sourceFd: number, copyFd: number): boolean {
  return libc().ioctl(copyFd, FICLONE, sourceFd) === 0;
}

/** ioctl(2) with a structure that the kernel reads, or fills. */
export function controlFile(fd: number, request: number, data: Buffer, subject: string): void {
  check("ioctl", subject, libc().ioctl(fd, request, BigInt(ptr(data))));
}

const SYS_QUOTACTL_FD = 443; // asm-generic/unistd.h

/** quotactl_fd(2): of the file system that the descriptor is on. */
export function controlQuota(fd: number, command: number, id: number, data: Buffer): void {
  const { syscall } = libc();
  check("quotactl", `${id}`, syscall(SYS_QUOTACTL_FD, fd, command, id, BigInt(ptr(data)), 0));
}

const AT_FDCWD = -100;

const MAX_HANDLE_SZ = 128; // linux/exportfs.h

/**
 * name_to_handle_at(2): type and bytes of a file's handle, as text; a link is not followed. Nothing
 * where the file system has none, a container's filter denies the call, or there is no file.
 */
export function fileHandle(path: string): string | undefined {
  const handle = Buffer.alloc(8 + MAX_HANDLE_SZ); // struct file_handle: bytes, type, the handle
  handle.writeUInt32LE(MAX_HANDLE_SZ, 0);
  const mountId = Buffer.alloc(4);
  const call = () =>
    check(
      "name_to_handle_at",
      path,
      libc().name_to_handle_at(AT_FDCWD, ptr(cString(path)), ptr(handle), ptr(mountId), 0),
    );
  if (unlessRefused([EPERM, ENOENT, ENOSYS, EOPNOTSUPP], call) === undefined) return undefined;
  const bytes = handle.subarray(8, 8 + handle.readUInt32LE(0));
  return `${handle.readInt32LE(4)}:${bytes.toString("hex")}`;
}
// linux/fs.h
const RENAME_NOREPLACE = 1;
const RENAME_EXCHANGE = 2;

/** renameat2(2) with RENAME_NOREPLACE: atomic, and never over something that is there. */
export function renameNew(from: string, to: string): void {
  renameWith(RENAME_NOREPLACE, from, to);
}

/** renameat2(2) with RENAME_EXCHANGE: each gets the other's name, in one step. */
export function exchangePaths(one: string, other: string): void {
  renameWith(RENAME_EXCHANGE, one, other);
}

function renameWith(flags: number, from: string, to: string): void {
  const { renameat2 } = libc();
  const result = renameat2(AT_FDCWD, ptr(cString(from)), AT_FDCWD, ptr(cString(to)), flags);
  check("rename", `${from} to ${to}`, result);
}

/** mount(2); `data` are the file system's own options. */
export function mountFileSystem(type: string, source: string, target: string, data: string): void {
  const result = libc().mount(
    ptr(cString(source)),
    ptr(cString(target)),
    ptr(cString(type)),
    0,
    ptr(cString(data)),
  );
  check(`mount -t ${type}`, target, result);
}

const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;

/** umount2(2): out of the tree of files at once, whoever still uses it. False when refused. */
export function detachMount(target: Buffer): boolean {
  const path = Buffer.concat([target, Buffer.from([0])]);
  return libc().umount2(ptr(path), MNT_DETACH | UMOUNT_NOFOLLOW) === 0;
}

const SYS_OPENAT2 = 437; // asm-generic/unistd.h
const O_CLOEXEC = 0o2000000;
// linux/openat2.h
const RESOLVE_NO_MAGICLINKS = 2;
const RESOLVE_NO_SYMLINKS = 4;
const RESOLVE_BENEATH = 8;

// One for all calls: their addresses are handed to the kernel as integers.
const pathOfCall = Buffer.alloc(4096);
const howOfCall = Buffer.alloc(24); // struct open_how: flags, mode, resolve

/**
 * openat2(2): a descriptor of what `path` names beneath a directory, with no link followed on the way
 * to it, whoever exchanges entries there meanwhile.
 */
export function openBeneath(directoryFd: number, path: string, flags: number): number {
  const bytes = cString(path);
  if (bytes.length > pathOfCall.length || path.includes("\0")) {
    throw new SystemCallError("openat2", path, ENAMETOOLONG);
  }
  bytes.copy(pathOfCall);
  howOfCall.writeBigUInt64LE(BigInt(flags | O_CLOEXEC), 0);
  howOfCall.writeBigUInt64LE(
    BigInt(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS),
    16,
  );
  const at = (buffer: Buffer): bigint => BigInt(ptr(buffer));
  const { syscall } = libc();
  return check(
    "openat2",
    path,
    syscall(SYS_OPENAT2, directoryFd, at(pathOfCall), at(howOfCall), howOfCall.length, 0),
  );
}

// asm-generic/unistd.h
const SYS_OPEN_TREE = 428;
const SYS_MOVE_MOUNT = 429;
const SYS_MOUNT_SETATTR = 442;
// linux/mount.h
const OPEN_TREE_CLONE = 1;
const OPEN_TREE_CLOEXEC = 0o2000000;
const MOUNT_ATTR_IDMAP = 0x00100000;
const MOVE_MOUNT_F_EMPTY_PATH = 4;
const AT_EMPTY_PATH = 0x1000;

/**
 * Mounts `source` at `target` with its ids mapped as in the user namespace of `usernsFd`
 * (mount_setattr(2), MOUNT_ATTR_IDMAP; Linux 5.12, for overlayfs layers 5.19).
 */
export function mountIdMapped(source: string, target: string, usernsFd: number): void {
  const { syscall } = libc();
  const path = (text: string): bigint => BigInt(ptr(pin(cString(text))));
  const tree = check(
    "open_tree",
    source,
    syscall(SYS_OPEN_TREE, AT_FDCWD, path(source), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC, 0, 0),
  );
  const attributes = pin(Buffer.alloc(32)); // struct mount_attr: set, clear, propagation, userns_fd
  attributes.writeBigUInt64LE(BigInt(MOUNT_ATTR_IDMAP), 0);
  attributes.writeBigUInt64LE(BigInt(usernsFd), 24);
  check(
    "mount_setattr",
    source,
    syscall(SYS_MOUNT_SETATTR, tree, path(""), AT_EMPTY_PATH, BigInt(ptr(attributes)), 32),
  );
  check(
    "move_mount",
    target,
    syscall(SYS_MOVE_MOUNT, tree, path(""), AT_FDCWD, path(target), MOVE_MOUNT_F_EMPTY_PATH),
  );
}

// Buffers whose addresses were handed out as integers; the collector must not free them.
const pinned: Buffer[] = [];
const pin = (buffer: Buffer): Buffer => {
  pinned.push(buffer);
  return buffer;
};

const PR_SET_SECCOMP = 22;
const SECCOMP_MODE_FILTER = 2n;
/** Bytes of a struct sock_filter. */
const INSTRUCTION_BYTES = 8;

/** prctl(2): a filter of system calls for this thread, and for all that it starts or becomes. */
export function filterSystemCalls(program: Uint8Array): void {
  const header = Buffer.alloc(16); // struct sock_fprog: length, program
  header.writeUInt16LE(program.length / INSTRUCTION_BYTES, 0);
  header.writeBigUInt64LE(BigInt(ptr(program)), 8);
  const result = libc().prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, BigInt(ptr(header)), 0n, 0n);
  check("prctl", "PR_SET_SECCOMP", result);
}

/** Ignored by our runtime (SigIgn of proc(5), Bun 1.4.5); an ignored signal stays so through execve(2). */
const SIGNALS_IGNORED = { SIGPIPE: 13, SIGXFSZ: 25 };
const SIG_DFL = 0;
const RLIMIT_NOFILE = 7;
/** Of services: `DefaultLimitNOFILE=` (systemd-system.conf(5)). More is not safe with select(2). */
const OPEN_FILES_SOFT = 1024n;

/** What our runtime has changed in this process, and a program that it becomes would inherit. */
function undoRuntime(): void {
  for (const signal of Object.values(SIGNALS_IGNORED)) libc().signal(signal, SIG_DFL);
  // The runtime raises the soft limit of open files to the hard one.
  const limit = Buffer.alloc(16); // struct rlimit: soft, hard
  check("getrlimit", "RLIMIT_NOFILE", libc().getrlimit(RLIMIT_NOFILE, ptr(limit)));
  const hard = limit.readBigUInt64LE(8);
  limit.writeBigUInt64LE(hard < OPEN_FILES_SOFT ? hard : OPEN_FILES_SOFT, 0);
  check("setrlimit", "RLIMIT_NOFILE", libc().setrlimit(RLIMIT_NOFILE, ptr(limit)));
}

/**
 * execve(2): this process becomes `argv`, as if our runtime had never run in it. Returns only by
 * throwing.
 */
export function becomeProgram(
  path: string,
  argv: readonly string[],
  environment: Readonly<Record<string, string>>,
): never {
  const vector = (items: readonly string[]): Buffer => {
    const table = pin(Buffer.alloc((items.length + 1) * 8));
    items.forEach((item, index) => {
      table.writeBigUInt64LE(BigInt(ptr(pin(cString(item)))), index * 8);
    });
    return table;
  };
  const variables = Object.entries(environment).map(([key, value]) => `${key}=${value}`);
  undoRuntime();
  const result = libc().execve(ptr(cString(path)), ptr(vector(argv)), ptr(vector(variables)));
  check("execve", path, result);
  throw new Error("execve returned");
}

const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const MSG_DONTWAIT_NOSIGNAL = 0x40 | 0x4000;
let datagramSocket = -1;

/** Sends one datagram to a Unix socket, or drops it when nobody listens or the queue is full. */
export function sendDatagram(path: string, message: Buffer): void {
  const { socket, sendto } = libc();
  if (datagramSocket < 0) datagramSocket = socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
  const address = Buffer.alloc(2 + Buffer.byteLength(path) + 1);
  address.writeUInt16LE(AF_UNIX, 0);
  address.write(path, 2);
  sendto(
    datagramSocket,
    ptr(message),
    message.length,
    MSG_DONTWAIT_NOSIGNAL,
    ptr(address),
    address.length,
  );
}

const AF_NETLINK = 16;
const NETLINK_NETFILTER = 12;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
/** The kernel fills no more than this at a time (NLMSG_GOODSIZE, and 32 KiB for dumps). */
const NETLINK_BUFFER_BYTES = 64 * 1024;

/**
 * Sends a request of netlink(7) to the kernel's netfilter, which answers at once, and returns all that
 * it says. Throws when it refuses.
 */
export function askNetlink(request: Buffer): NetlinkMessage[] {
  const { socket, sendto, recv, close } = libc();
  const fd = check("socket", "netlink", socket(AF_NETLINK, SOCK_RAW_CLOEXEC, NETLINK_NETFILTER));
  try {
    check("sendto", "netlink", sendto(fd, ptr(request), request.length, 0, null, 0));
    const answers: NetlinkMessage[] = [];
    while (true) {
      const buffer = Buffer.alloc(NETLINK_BUFFER_BYTES);
      const length = check("recv", "netlink", recv(fd, ptr(buffer), buffer.length, 0));
      for (const message of parseMessages(buffer.subarray(0, length))) {
        if (message.type === NLMSG_DONE) return answers;
        if (message.type === NLMSG_ERROR) {
          const errno = -message.payload.readInt32LE(0);
          // What is to be deleted may be gone.
          if (errno === 0 || errno === ENOENT) return answers;
          throw new SystemCallError("netlink", "request", errno);
        }
        answers.push(message);
      }
    }
  } finally {
    close(fd);
  }
}
